internal import FuseBinding
internal import Glibc
internal import OutputTransfer
internal import Synchronization

/// The line that a transfer shows on a terminal: how much, how fast, how long still.
final class TransferProgress: Sendable {
    private let line: ProgressLine
    private let began = ContinuousClock.now
    /// Held while the line is written: none is after the end.
    private let isOver = Mutex(false)

    init(line: ProgressLine) { self.line = line }

    /// Shows it, on a thread of its own, until `end`.
    func show(_ counters: @escaping @Sendable () -> TransferCounters) {
        PlainThread.start(named: "progress") { [self] in
            while step(counters) { usleep(200_000) }
        }
    }

    /// Shows it once; whether it goes on.
    func step(_ counters: () -> TransferCounters) -> Bool {
        let text = Self.text(counters(), seconds: seconds)
        return isOver.withLock { isOver in
            if !isOver { line.show(text) }
            return !isOver
        }
    }

    func end() {
        isOver.withLock { isOver in
            isOver = true
            line.clear()
        }
    }

    var seconds: Double {
        let (seconds, attoseconds) = began.duration(to: .now).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    static func text(_ counters: TransferCounters, seconds: Double) -> String {
        let rate = seconds > 0 ? Double(counters.doneBytes) / seconds : 0
        var text = "\(counters.done + counters.kept) of \(counters.found)\(counters.isListed ? "" : "+") files, "
        text += "\(HumanUnits.bytes(counters.doneBytes)) of \(HumanUnits.bytes(counters.foundBytes)), "
        text += "\(HumanUnits.bytes(UInt64(rate)))/s"
        if counters.isListed, rate > 0, counters.foundBytes > counters.doneBytes {
            let left = Double(counters.foundBytes - counters.doneBytes) / rate
            text += ", \(HumanUnits.age(seconds: Int(left.rounded(.up)))) left"
        }
        if counters.failed > 0 { text += "; \(counters.failed) failed" }
        return text
    }
}
