/// Notices that the machine slept: connections are dead then, whatever they look like. A pure value.
struct SleepWatch: Sendable, Hashable {
    /// Naps that no peer and no NAT table would notice are passed over.
    static let napMax = Duration.seconds(5)

    private var noticed: Duration

    /// - Parameter asleep: how long the machine has slept since it was started.
    init(asleep: Duration) { noticed = asleep }

    /// Whether it slept since the last look.
    mutating func hasSlept(asleep: Duration) -> Bool {
        guard asleep - noticed > Self.napMax else { return false }
        noticed = asleep
        return true
    }
}

/// How old a connection may be that is used again. A pure value.
struct ConnectionAge: Sendable, Hashable {
    /// Five minutes, so that a name that leads elsewhere now (a failover, a private endpoint that was added) is followed: a
    /// connection in use all the time would never ask for it.
    static let lifetimeMax = 300
    /// A minute, in seconds. Azure's load balancers and NAT forget what was silent for four; others sooner.
    static let idleMax = 60
    /// Seconds that libcurl remembers an address.
    static let nameLifetime = 60

    /// When connections were found to be dead that looked alive.
    private var distrustedAt: Duration?

    mutating func distrust(now: Duration) { distrustedAt = now }

    /// In seconds, at least 1 (to libcurl 0 means any age). Connections from before the distrust are too old.
    func lifetime(now: Duration) -> Int {
        guard let distrustedAt else { return Self.lifetimeMax }
        return min(Self.lifetimeMax, max(1, Int((now - distrustedAt) / .seconds(1))))
    }
}
