/// `-o` as mount(8) passes it: `-o ro,uid=1000,attr_ttl=5s` says what `--read-only --uid 1000 --attr-ttl 5s` says.
struct MountOptionList: Sendable, Equatable {
    /// In the order in which they were given.
    private(set) var given: [GivenSetting] = []
    /// `-o config=FILE`.
    private(set) var configurationFile: String?
    /// For the kernel: `noexec`, `sync`.
    private(set) var mountFlags: [String] = []

    /// Those that stand alone for a setting, and its value.
    private static let words = [
        "ro": ("read-only", "true"), "rw": ("read-only", "false"), "allow_other": ("allow-other", "true"),
        "nonempty": ("nonempty", "true"),
    ]

    /// True already, or the business of mount(8), systemd and people.
    private static let ignored: Set<String> = [
        "defaults", "default_permissions", "nosuid", "nodev", "exec", "async", "atime", "noatime", "relatime",
        "strictatime", "nodiratime", "lazytime", "auto", "noauto", "user", "nouser", "users", "group", "owner",
        "nofail", "_netdev", "_rnetdev",
    ]

    /// Handed on to the kernel.
    private static let flags: Set<String> = ["noexec", "sync", "dirsync"]

    /// Those with a value, as they are written.
    static var settings: [String] {
        SettingTable.all.filter { $0.kind != .flag }.map(\.underscored)
    }

    /// Reads one list, after what was read before.
    mutating func read(_ list: String) throws(CommandFailure) {
        for item in list.split(separator: ",") {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first else { continue }
            if parts.count == 1, let (setting, value) = Self.words[name] {
                append(setting, value)
            } else if parts.count == 1, Self.flags.contains(name) {
                mountFlags.append(name)
            } else if Self.ignored.contains(name) || name.hasPrefix("x-") || name.hasPrefix("X-") || name == "comment" {
                // `user=NAME` is how mount(8) says who asked.
                continue
            } else if name == "config" {
                guard parts.count == 2 else { throw Self.valueMissing(name) }
                configurationFile = parts[1]
            } else if let setting = Self.setting(name) {
                guard parts.count == 2 else { throw Self.valueMissing(name) }
                // A comma ends an option, hence `views=jobs:containers`.
                append(setting.name, setting.kind == .list ? parts[1].replacing(":", with: ",") : parts[1])
            } else {
                throw Self.unknown(name)
            }
        }
    }

    private mutating func append(_ name: String, _ value: String) {
        guard let setting = SettingTable.all.first(where: { $0.name == name }) else { return }
        given.append(GivenSetting(setting: setting, value: value, origin: .mountOption))
    }

    private static func setting(_ underscored: String) -> Setting? {
        SettingTable.all.first { $0.kind != .flag && $0.underscored == underscored }
    }

    private static func valueMissing(_ name: String) -> CommandFailure {
        CommandFailure(.usage, "the mount option '\(name)' wants a value", try: "-o \(name)=…")
    }

    /// The name only: a value may be a secret that was put in the wrong place.
    private static func unknown(_ name: String) -> CommandFailure {
        let known = words.keys.sorted() + settings
        let nearest = NearestName.find(name, in: known)
        return CommandFailure(
            .usage,
            "there is no mount option '\(name)'",
            try: nearest.map { "-o \($0)" } ?? "one of \(words.keys.sorted().joined(separator: ", "))",
            "one of \(settings.map { $0 + "=…" }.joined(separator: ", "))"
        )
    }
}
