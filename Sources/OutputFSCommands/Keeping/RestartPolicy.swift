/// When a worker that was killed is followed by another one.
struct RestartPolicy: Sendable {
    enum Next: Equatable, Sendable {
        case restart(after: Duration)
        case giveUp
    }

    /// A worker that served so long is none that something kills as soon as it begins.
    static let lifeMin = Duration.seconds(1)
    /// Ten short lives take about 10 s with the pauses between them.
    static let shortLivesMax = 10
    private static let pauseMin = Duration.milliseconds(100)
    private static let pauseMax = Duration.seconds(2)

    private(set) var shortLives = 0

    /// - Parameter life: how long it served; zero for one that never came to it.
    mutating func ended(after life: Duration) -> Next {
        guard life < Self.lifeMin else {
            shortLives = 0
            return .restart(after: .zero)
        }
        shortLives += 1
        guard shortLives < Self.shortLivesMax else { return .giveUp }
        return .restart(after: min(Self.pauseMax, Self.pauseMin * (1 << (shortLives - 1))))
    }
}

/// How a worker ended.
enum WorkerEnd: Equatable, Sendable {
    case exited(Int32)
    case killed(signal: Int32)

    /// Of waitpid(2).
    init(status: Int32) {
        self = status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: status & 0x7F)
    }

    /// As shells count.
    var exitStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .killed(let signal): 128 + signal
        }
    }

    /// For the log and `status`.
    var description: String {
        switch self {
        case .exited(let status): "ended with status \(status)"
        case .killed(let signal): "was killed by \(SignalName.of(signal))"
        }
    }

    /// Whether it ended because it was to end.
    ///
    /// - Parameters:
    ///   - isReady: it had begun to serve.
    ///   - isFirst: no other served this mount before. A later one that cannot begin (no memory, no descriptors) may be
    ///     followed by one that can.
    ///   - isEnding: a signal asked the mount to end.
    func isFinal(isReady: Bool, isFirst: Bool, isEnding: Bool) -> Bool {
        switch self {
        case .exited: isReady || isFirst || isEnding
        case .killed: isEnding || (isFirst && !isReady)
        }
    }
}

enum SignalName {
    static func of(_ number: Int32) -> String {
        let names: [Int32: String] = [
            1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
            9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 24: "SIGXCPU", 31: "SIGSYS",
        ]
        return names[number] ?? "signal \(number)"
    }
}
