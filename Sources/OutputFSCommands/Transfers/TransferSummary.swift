/// How a transfer ended: its last line, and with `--json` all of its output.
struct TransferSummary: Codable, Sendable {
    struct Failure: Codable, Sendable {
        var source: String
        var target: String
        var reason: String
    }

    /// With `--dry-run`: what would be moved.
    struct Planned: Codable, Sendable {
        var source: String
        var target: String
        var bytes: UInt64
    }

    var files = 0
    var kept = 0
    var bytes: UInt64 = 0
    var seconds = 0.0
    var failed = 0
    /// The first thousand of them.
    var failures: [Failure] = []
    var planned: [Planned]?
    /// Sources that nothing fits.
    var unmatched: [String] = []

    /// A store that is away fails with every file: a report needs no million of them.
    static let failuresMax = 1_000

    /// `verb`: "fetched" or "uploaded".
    func text(_ verb: String) -> String {
        if let planned {
            let bytes = planned.reduce(0) { $0 + $1.bytes }
            return "\(Self.count(planned.count)) with \(HumanUnits.bytes(bytes)) would be \(verb)"
        }
        let rate = seconds > 0 ? UInt64(Double(bytes) / seconds) : 0
        var text = "\(Self.count(files)) with \(HumanUnits.bytes(bytes)) in "
        text += "\(HumanUnits.age(seconds: Int(seconds.rounded()))) (\(HumanUnits.bytes(rate))/s)"
        if kept > 0 { text += "; \(kept) \(kept == 1 ? "was" : "were") there already" }
        if failed > 0 { text += "; \(failed) failed" }
        return text
    }

    private static func count(_ files: Int) -> String { "\(files) file\(files == 1 ? "" : "s")" }

    var exitStatus: ExitStatus { failed > 0 || !unmatched.isEmpty ? .failure : .success }
}
