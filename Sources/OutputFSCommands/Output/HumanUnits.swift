/// Numbers as people read them.
enum HumanUnits {
    /// `0 B`, `512 B`, `1.5 KiB`, `256 MiB`.
    static func bytes(_ count: UInt64) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count)
        var units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][...]
        value /= 1024
        // 1023.95 would be printed as 1024.0 of the smaller unit.
        while value >= 1023.95, units.count > 1 {
            value /= 1024
            units = units.dropFirst()
        }
        let tenths = Int((value * 10).rounded())
        let digits = tenths % 10 == 0 || tenths >= 1000 ? "\((tenths + 5) / 10)" : "\(tenths / 10).\(tenths % 10)"
        return "\(digits) \(units.first ?? "")"
    }

    /// `12s`, `3m 05s`, `2h 10m`, `4d 3h`.
    static func age(seconds: Int) -> String {
        let seconds = max(0, seconds)
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3600: return "\(seconds / 60)m \(padded(seconds % 60))s"
        case ..<86400: return "\(seconds / 3600)h \(padded(seconds / 60 % 60))m"
        default: return "\(seconds / 86400)d \(seconds / 3600 % 24)h"
        }
    }

    /// `60s`, `1.5s`, `10m`.
    static func duration(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        if seconds >= 60, seconds % 60 == 0, attoseconds == 0 { return "\(seconds / 60)m" }
        let tenths = attoseconds / 100_000_000_000_000_000
        return tenths == 0 ? "\(seconds)s" : "\(seconds).\(tenths)s"
    }

    private static func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
