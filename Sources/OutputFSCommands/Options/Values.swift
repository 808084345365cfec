internal import ArgumentParser
internal import OutputConventions
internal import OutputTree

/// How people write durations, sizes and modes. Each throws words that ArgumentParser puts behind the option's name.
enum Values {
    /// `90` (seconds), `90s`, `10m`, `1h`, `250ms`.
    static func duration(_ text: String) throws -> Duration {
        let (number, unit) = split(text)
        let nanosecondsPerUnit: Double? =
            switch unit {
            case "ms": 1e6
            case "", "s": 1e9
            case "m", "min": 60e9
            case "h": 3600e9
            default: nil
            }
        guard let value = Double(number), let nanosecondsPerUnit, value.isFinite, value >= 0, value <= 1e7 else {
            throw ValidationError("write a time such as 500ms, 30s, 10m or 1h")
        }
        return .nanoseconds(Int64(value * nanosecondsPerUnit))
    }

    /// `268435456`, `256M`, `256MiB`, `1G`; all powers of 1,024, in bytes.
    static func byteCount(_ text: String) throws -> Int {
        let (number, unit) = split(text)
        let shift: Int? =
            switch unit.lowercased() {
            case "", "b": 0
            case "k", "kib": 10
            case "m", "mib": 20
            case "g", "gib": 30
            case "t", "tib": 40
            default: nil
            }
        guard let value = Int(number), value >= 0, let shift, value <= Int.max >> (shift + 1) else {
            throw ValidationError("write a size such as 512M, 1G or 256MiB")
        }
        return value << shift
    }

    /// `022`, `0644`, `0o755`: octal, at most 0777.
    static func mode(_ text: String) throws -> UInt16 {
        let digits = text.hasPrefix("0o") ? text.dropFirst(2) : text[...]
        guard let value = UInt16(digits, radix: 8), value <= 0o777 else {
            throw ValidationError("write permissions in octal, such as 0644 (at most 0777)")
        }
        return value
    }

    /// `TaskLog,JobLog`; empty for none.
    static func kinds(_ text: String) throws -> TrackedKinds {
        let names = text.split(separator: ",").map(String.init)
        guard !names.contains(where: { $0.contains("/") || $0.hasPrefix("$") }) else {
            throw ValidationError("write kinds as TaskLog,MyLog: their names in the tree")
        }
        return TrackedKinds(names)
    }

    /// `on` or `off`.
    static func onOff(_ text: String) throws -> Bool {
        switch text.lowercased() {
        case "on", "yes", "true", "1": return true
        case "off", "no", "false", "0": return false
        default: throw ValidationError("write on or off")
        }
    }

    /// `commit` or `journal`.
    static func durability(_ text: String) throws -> Durability {
        guard let durability = Durability(rawValue: text.lowercased()) else {
            throw ValidationError("write commit or journal")
        }
        return durability
    }

    /// `close` or `open`.
    static func exclusiveCreation(_ text: String) throws -> ExclusiveCreation {
        guard let creation = ExclusiveCreation(rawValue: text.lowercased()) else {
            throw ValidationError("write close or open")
        }
        return creation
    }

    /// `replace` or `fail`.
    static func conflictPolicy(_ text: String) throws -> ConflictPolicy {
        guard let policy = ConflictPolicy(rawValue: text.lowercased()) else {
            throw ValidationError("write replace or fail")
        }
        return policy
    }

    /// `on`, `off` or `auto`.
    static func namespace(_ text: String) throws -> NamespaceChoice {
        guard let choice = NamespaceChoice(rawValue: text.lowercased()) else {
            throw ValidationError("write on, off or auto")
        }
        return choice
    }

    /// `jobs,containers`.
    static func views(_ text: String) throws -> [OutputView] {
        let names = text.split(separator: ",").map(String.init)
        let views = try names.map { name in
            guard let view = OutputView(rawValue: name) else {
                let known = OutputView.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("there is no view '\(name)'; the views are \(known)")
            }
            return view
        }
        guard !views.isEmpty else { throw ValidationError("name at least one view") }
        return views
    }

    private static func split(_ text: String) -> (number: Substring, unit: Substring) {
        let end = text.firstIndex { !$0.isNumber && $0 != "." } ?? text.endIndex
        return (text[..<end], text[end...])
    }
}
