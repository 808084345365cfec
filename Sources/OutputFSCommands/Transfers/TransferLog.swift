internal import OutputTransfer
internal import Synchronization

/// Collects what a transfer tells of its files, and says what went wrong as it happens.
final class TransferLog: Sendable {
    private let line: ProgressLine
    private let isJSON: Bool
    private let state: Mutex<TransferSummary>

    init(line: ProgressLine, isJSON: Bool, isDryRun: Bool) {
        self.line = line
        self.isJSON = isJSON
        var summary = TransferSummary()
        if isDryRun { summary.planned = [] }
        state = Mutex(summary)
    }

    func note(_ event: TransferEvent) {
        switch event.kind {
        case .done: state.withLock { $0.bytes += event.byteCount }
        case .kept: break
        case .planned:
            state.withLock { state in
                state.planned?.append(
                    .init(source: event.source, target: event.target, bytes: event.byteCount)
                )
            }
            if !isJSON { Terminal.print("\(event.source) -> \(event.target)  \(HumanUnits.bytes(event.byteCount))") }
        case .failed(let reason):
            state.withLock { state in
                guard state.failures.count < TransferSummary.failuresMax else { return }
                state.failures.append(.init(source: event.source, target: event.target, reason: reason))
            }
            if !isJSON { line.say("outputfs: \(event.source): \(reason)") }
        }
    }

    func summary(_ counters: TransferCounters, seconds: Double, unmatched: [String]) -> TransferSummary {
        var summary = state.withLock { $0 }
        (summary.files, summary.kept, summary.failed) = (counters.done, counters.kept, counters.failed)
        (summary.seconds, summary.unmatched) = (seconds, unmatched)
        return summary
    }
}
