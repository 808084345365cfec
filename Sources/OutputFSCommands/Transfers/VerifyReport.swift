internal import OutputTransfer
internal import Synchronization

/// How a verification ended: its last line, and with `--json` all of its output.
struct VerifyReport: Codable, Sendable {
    /// A file, or an upload as a whole.
    struct Finding: Codable, Sendable {
        var path: String
        var reason: String
    }

    var verified = 0
    /// Could be read, and nothing says what they should be.
    var unverifiable = 0
    var wrong = 0
    var unreadable = 0
    var bytes: UInt64 = 0
    var seconds = 0.0
    /// What is wrong or unreadable: the first thousand, as with transfers.
    var problems: [Finding] = []
    /// The first thousand that could be read, and of which nobody can tell more.
    var unverified: [Finding] = []
    /// Paths that nothing fits.
    var unmatched: [String] = []

    static let findingsMax = TransferSummary.failuresMax

    var text: String {
        let rate = seconds > 0 ? UInt64(Double(bytes) / seconds) : 0
        var text = "\(verified) file\(verified == 1 ? "" : "s") verified, \(HumanUnits.bytes(bytes)) read in "
        text += "\(HumanUnits.age(seconds: Int(seconds.rounded()))) (\(HumanUnits.bytes(rate))/s)"
        if unverifiable > 0 { text += "; \(unverifiable) unverifiable (no checksum stored)" }
        if wrong > 0 { text += "; \(wrong) wrong" }
        if unreadable > 0 { text += "; \(unreadable) unreadable" }
        return text
    }

    var exitStatus: ExitStatus {
        if wrong + unreadable > 0 { return .failure }
        guard unmatched.isEmpty else { return .notFound }
        return verified == 0 ? .unverified : .success
    }

    /// Why nothing is known to be right, where nothing is known to be wrong.
    var nothingVerified: CommandFailure? {
        guard exitStatus == .unverified else { return nil }
        guard unverifiable > 0 else { return CommandFailure(.unverified, "nothing was verified: there is no file") }
        return CommandFailure(
            .unverified,
            "nothing could be verified: "
                + (unverifiable == 1 ? "the file has no stored checksum" : "none of the files has a stored checksum"),
            try: "--against FOLDER, which compares bytes with those of local files"
        )
    }
}

/// Collects what a verification tells of its files, and says what is wrong as it happens.
final class VerifyLog: Sendable {
    private let line: ProgressLine
    private let isJSON: Bool
    private let state = Mutex(VerifyReport())

    init(line: ProgressLine, isJSON: Bool) { (self.line, self.isJSON) = (line, isJSON) }

    func note(_ event: VerifyEvent) {
        switch event.kind {
        case .verified: state.withLock { $0.verified += 1 }
        case .unverifiable(let reason):
            state.withLock { state in
                state.unverifiable += 1
                guard state.unverified.count < VerifyReport.findingsMax else { return }
                state.unverified.append(.init(path: event.path, reason: reason))
            }
        case .wrong(let reason):
            state.withLock { $0.wrong += 1 }
            note(event.path, reason)
        case .failed(let reason):
            state.withLock { $0.unreadable += 1 }
            note(event.path, reason)
        }
    }

    private func note(_ path: String, _ reason: String) {
        state.withLock { state in
            guard state.problems.count < VerifyReport.findingsMax else { return }
            state.problems.append(.init(path: path, reason: reason))
        }
        if !isJSON { line.say("outputfs: \(path): \(reason)") }
    }

    func report(_ counters: TransferCounters, seconds: Double, unmatched: [String]) -> VerifyReport {
        var report = state.withLock { $0 }
        (report.bytes, report.seconds, report.unmatched) = (counters.doneBytes, seconds, unmatched)
        return report
    }
}
