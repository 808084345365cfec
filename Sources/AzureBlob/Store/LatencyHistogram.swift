/// How long attempts took, from the first byte asked for to the last byte answered.
package struct LatencyHistogram: Sendable, Hashable {
    /// The upper ends of the buckets in seconds: from an answer next door to the longest that an attempt may take.
    package static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

    /// One a bound, and one for what took longer.
    package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// In seconds.
    package private(set) var sum = 0.0

    package init() {}

    package mutating func add(_ duration: Duration) {
        let seconds = duration / .seconds(1)
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += seconds
    }

    func adding(_ other: LatencyHistogram) -> LatencyHistogram {
        var both = self
        for index in both.counts.indices { both.counts[index] += other.counts[index] }
        both.sum += other.sum
        return both
    }
}
