/// How far apart two clocks are, as people say it.
package struct ClockOffset: Sendable, Hashable, CustomStringConvertible {
    /// How many the store's clock is ahead of this machine's.
    package let seconds: Int64

    package init(seconds: Int64) { self.seconds = seconds }

    /// "20 minutes behind the store's".
    package var description: String {
        let distance = abs(seconds)
        let (count, unit) =
            switch distance {
            case ..<120: (distance, "second")
            case ..<7200: ((distance + 30) / 60, "minute")
            case ..<172_800: ((distance + 1800) / 3600, "hour")
            default: ((distance + 43_200) / 86_400, "day")
            }
        return "\(count) \(unit)\(count == 1 ? "" : "s") \(seconds > 0 ? "behind" : "ahead of") the store's"
    }
}
