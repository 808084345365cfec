internal import Glibc

extension Surroundings {
    /// The machine's clocks and random numbers.
    package static let system = Surroundings(
        wallClock: { Int64(time(nil)) },
        uptime: { origin.duration(to: .now) },
        sleep: { try await Task.sleep(for: $0) },
        random: { Double.random(in: 0..<1) }
    )

    private static let origin = ContinuousClock.now
}
