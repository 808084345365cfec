/// One option of a mount, whichever way it is given: `--cache-dir`, `cache-dir` in a file, `OUTPUTFS_CACHE_DIR`,
/// `-o cache_dir`. What it means and its help stand with the option of that name in Options/.
struct Setting: Sendable, Equatable {
    /// What is written for it.
    enum Kind: Sendable, Equatable {
        /// True or not: `--read-only`, `read-only = true`.
        case flag
        /// `on` or `off`; in a file also `true` and `false`.
        case onOff
        /// `30s`; a number alone is seconds.
        case duration
        /// `512M`; a number alone is bytes.
        case bytes
        /// Octal: `0644`.
        case mode
        /// A whole number from 0.
        case number
        /// In a file absolute, or `~/…`.
        case path
        case text
        case choice([String])
        /// Names with commas between them; in a file also an array.
        case list
    }

    /// What a setting has to do with whose bytes these are. Such settings of different origins are not mixed: see
    /// `SettingLayers`.
    enum StorageRole: Sendable, Equatable {
        case none
        /// Goes with an account or a credential, and says nothing alone: a tenant, a cloud.
        case belongs
        /// Says which account or container.
        case names
        /// Proves that we may.
        case proves
        /// Both: a connection string, a container's URL.
        case namesAndProves

        var doesName: Bool { self == .names || self == .namesAndProves }
        var doesProve: Bool { self == .proves || self == .namesAndProves }
    }

    /// As the long option without its dashes, and as the key in a file.
    let name: String
    let kind: Kind
    let role: StorageRole
    /// The default as it would be written, where it is the same everywhere.
    let standard: String?
    /// The variable by which another program knows the same; ours wins.
    let alias: String?

    init(
        _ name: String,
        _ kind: Kind,
        _ role: StorageRole = .none,
        standard: String? = nil,
        alias: String? = nil
    ) {
        self.name = name
        self.alias = alias
        self.kind = kind
        self.role = role
        self.standard = standard
    }

    /// `OUTPUTFS_CACHE_DIR`.
    var variable: String { Self.variablePrefix + underscored.uppercased() }

    /// As behind `-o`: `cache_dir`.
    var underscored: String { name.split(separator: "-").joined(separator: "_") }

    /// `--cache-dir`.
    var option: String { "--" + name }

    static let variablePrefix = "OUTPUTFS_"
    /// Names a configuration file; see `ConfigurationFiles`.
    static let fileVariable = "OUTPUTFS_CONFIG"

    /// As ArgumentParser is to read it; nothing for a flag that is off.
    func arguments(_ value: String) -> [String] {
        if kind == .flag { return value == "true" ? [option] : [] }
        // A value that looks like an option has to hang on; an empty one must not.
        return value.hasPrefix("-") ? ["\(option)=\(value)"] : [option, value]
    }

    /// Settings end up among the arguments of the process that serves, which everybody on the machine can read.
    private func secret(in text: String) -> String? {
        if text.contains("AccountKey=") { return "a key has no place here: --key-file, or --connection-string-file" }
        if text.contains("sig=") { return "a SAS has no place here: --sas-file, or --container-url-file" }
        let authority = text.firstRange(of: "://").map { text[$0.upperBound...].prefix { $0 != "/" } }
        guard !(authority ?? (name == "proxy" ? text[...] : "")).contains("@") else {
            return "a user and password have no place here: --proxy-credentials-file"
        }
        return nil
    }

    /// Why this text is no value of the setting; `nil` where it is one.
    func objection(to text: String) -> String? {
        do {
            switch kind {
            case .flag: return ["true", "false"].contains(text) ? nil : "write true or false"
            case .onOff: _ = try Values.onOff(text)
            case .duration: _ = try Values.duration(text)
            case .bytes: _ = try Values.byteCount(text)
            case .mode: _ = try Values.mode(text)
            case .number: return UInt32(text) == nil ? "write a whole number" : nil
            case .choice(let words):
                return words.contains(text.lowercased()) ? nil : "write one of \(words.joined(separator: ", "))"
            case .path: return text.isEmpty ? "write a path" : nil
            case .list: return nil
            case .text: return secret(in: text)
            }
            return nil
        } catch { return "\(error)" }
    }
}
