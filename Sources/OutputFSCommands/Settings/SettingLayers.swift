/// Where a value comes from, from the weakest to the strongest.
enum SettingOrigin: Sendable, Equatable, CustomStringConvertible {
    case file(path: String, line: Int)
    case environment(variable: String)
    /// `-o`.
    case mountOption
    case commandLine

    var description: String {
        switch self {
        case .file(let path, let line): "\(path):\(line)"
        case .environment(let variable): variable
        case .mountOption: "-o"
        case .commandLine: "command line"
        }
    }
}

/// A setting that somebody gave a value.
struct GivenSetting: Sendable, Equatable {
    var setting: Setting
    /// As the option takes it.
    var value: String
    var origin: SettingOrigin

    /// `auth` takes the place of a credential where it names an identity; otherwise it goes with the one that is there.
    var doesProve: Bool { setting.role.doesProve && !(setting.name == "auth" && AuthMethod.usesSecret(value)) }
}

/// What one place says, what counts more behind what counts less: a file, a table of it, the environment, the command
/// line with its `-o`.
struct SettingLayer: Sendable, Equatable {
    var given: [GivenSetting] = []
    /// Beside the settings: SOURCE, or a variable of the Azure tools.
    var namesStorage = false
    var provesStorage = false

    fileprivate var doesName: Bool { namesStorage || given.contains { $0.setting.role.doesName } }
    fileprivate var doesProve: Bool { provesStorage || given.contains { $0.doesProve } }
}

/// All places together.
///
/// For each setting the strongest place that has it counts. Where the bytes are, and what proves that we may have them,
/// is taken together: once a place names an account, what weaker ones say of accounts and credentials belongs to another;
/// once a place has a credential, those of weaker ones are not needed.
enum SettingLayers {
    /// - Parameter layers: from the weakest to the strongest.
    /// - Returns: one each, in the order of their places.
    static func resolved(_ layers: [SettingLayer]) -> [GivenSetting] {
        var found: [String: GivenSetting] = [:]
        var (isNamed, isProved) = (false, false)
        for layer in layers.reversed() {
            for given in layer.given.reversed() where found[given.setting.name] == nil {
                let role = given.setting.role
                let isForeign = isNamed && role != .none
                let isNeedless = isProved && given.doesProve
                if !isForeign, !isNeedless { found[given.setting.name] = given }
            }
            isNamed = isNamed || layer.doesName
            isProved = isProved || layer.doesProve
        }
        return layers.flatMap(\.given).filter { found[$0.setting.name] == $0 }
    }
}
