internal import Glibc

extension Surroundings {
    /// The machine's clocks and random numbers.
    package static let system = Surroundings(
        wallClock: { Int64(time(nil)) },
        // The clock that stands still while the machine sleeps: deadlines would all be over when it wakes.
        uptime: { origin.duration(to: .now) },
        sleep: { try await Task.sleep(for: $0, clock: .suspending) },
        random: { Double.random(in: 0..<1) }
    )

    private static let origin = SuspendingClock.now
}
