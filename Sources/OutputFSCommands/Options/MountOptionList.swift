/// `-o` as mount(8) passes it, translated into the options of `outputfs mount`, so that each option is declared once.
///
/// `-o ro,uid=1000,attr_ttl=5s` becomes `--read-only --uid 1000 --attr-ttl 5s`, put in front of what else was
/// given: the last of two values wins, so that options win over `-o`.
enum MountOptionList {
    /// Those that stand alone, and what they mean here; `nil`: true already, or the business of mount(8).
    static let words: [String: String?] = [
        "ro": "--read-only", "allow_other": "--allow-other", "nonempty": "--nonempty",
        "rw": nil, "defaults": nil, "default_permissions": nil, "nosuid": nil, "nodev": nil, "exec": nil,
        "async": nil, "noatime": nil, "relatime": nil, "auto": nil, "noauto": nil, "user": nil, "users": nil,
        "nofail": nil, "_netdev": nil,
    ]

    /// Those with a value: `uid=1000` is `--uid 1000`, `attr_ttl=1s` is `--attr-ttl 1s`.
    static let settings = [
        "uid", "gid", "umask", "file_mode", "dir_mode", "attr_ttl", "views", "memory", "cache_dir", "cache_size",
        "journal_dir", "durability", "exclusive", "on_conflict", "verify",
        "posix_metadata", "tracked_kinds", "log_interval", "retry_deadline", "commit_deadline", "drain_timeout",
        "log_level", "log_file", "account",
        "endpoint", "key_file", "sas_file", "connection_string_file", "container_url_file", "container_url",
        "status_file", "eviction_notice", "batch_account_url", "batch_key_file", "batch_token_file",
    ]

    /// The program's arguments (without its name) with every `-o` of `mount` (and of `doctor`, which takes the same) translated.
    static func expanded(_ arguments: [String]) throws(CommandFailure) -> [String] {
        guard let command = arguments.first, ["mount", "doctor"].contains(command) else { return arguments }
        var translated: [String] = []
        var others: [String] = []
        var rest = arguments.dropFirst()
        while let argument = rest.popFirst() {
            if argument == "--" {
                others += [argument] + rest
                break
            }
            guard argument.hasPrefix("-o") else {
                others.append(argument)
                continue
            }
            var list = String(argument.dropFirst(2))
            if list.isEmpty {
                guard let next = rest.popFirst() else {
                    throw CommandFailure(.usage, "-o wants a list of options", try: "-o ro,uid=1000")
                }
                list = next
            }
            translated += try translation(of: list)
        }
        return [command] + translated + others
    }

    private static func translation(of list: String) throws(CommandFailure) -> [String] {
        var arguments: [String] = []
        for item in list.split(separator: ",") {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first else { continue }
            if parts.count == 1, let meaning = words[name] {
                if let meaning { arguments.append(meaning) }
            } else if name.hasPrefix("x-") || name == "comment" {
                continue  // For mount(8), systemd and people.
            } else if parts.count == 2, settings.contains(name) {
                // A comma ends an option, hence `views=jobs:containers`.
                let value =
                    ["views", "tracked_kinds"].contains(name)
                    ? parts[1].split(separator: ":").joined(separator: ",") : parts[1]
                arguments += ["--" + name.split(separator: "_").joined(separator: "-"), value]
            } else if parts.count == 1, settings.contains(name) {
                throw CommandFailure(.usage, "the mount option '\(name)' wants a value", try: "-o \(name)=…")
            } else {
                // The name only: a value may be a secret that was put in the wrong place.
                throw CommandFailure(
                    .usage,
                    "there is no mount option '\(name)'",
                    try: "one of \(words.keys.sorted().joined(separator: ", "))",
                    "one of \(settings.map { $0 + "=…" }.joined(separator: ", "))"
                )
            }
        }
        return arguments
    }
}
