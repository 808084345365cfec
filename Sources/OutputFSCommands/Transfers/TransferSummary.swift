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

    /// With `--once-per-node`: what this process did.
    struct Node: Codable, Sendable {
        var rank: Int
        var role: String
    }

    var node: Node?
    var files = 0
    var kept = 0
    /// Of the files that were moved; those that were there already cost none.
    var bytes: UInt64 = 0
    var seconds = 0.0
    var failed = 0
    /// The first thousand of them.
    var failures: [Failure] = []
    var planned: [Planned]?
    /// With `--validate`: files without a stored MD5, whose ranges only were verified. `nil` where nobody asked.
    var withoutMD5: Int?
    /// Sources that nothing fits.
    var unmatched: [String] = []

    /// A store that is away fails with every file: a report needs no million of them.
    static let failuresMax = 1_000

    /// `verb`: "fetched", "uploaded", "moved" …
    func text(_ verb: String) -> String {
        if let planned {
            let bytes = planned.reduce(0) { $0 + $1.bytes }
            return "\(Self.count(planned.count)) with \(HumanUnits.bytes(bytes)) would be \(verb)"
        }
        if let node, files == 0 {
            return "local rank \(node.rank): \(node.role)" + (kept > 0 ? ", \(Self.count(kept))" : "")
        }
        let rate = seconds > 0 ? UInt64(Double(bytes) / seconds) : 0
        var text = "nothing \(verb)"
        if files > 0 {
            text = "\(Self.count(files)) with \(HumanUnits.bytes(bytes)) in "
            text += "\(HumanUnits.age(seconds: Int(seconds.rounded()))) (\(HumanUnits.bytes(rate))/s)"
        }
        if kept > 0 { text += "; \(kept) \(kept == 1 ? "was" : "were") there already" }
        if let withoutMD5, withoutMD5 > 0 { text += "; \(withoutMD5) of them without a stored MD5" }
        if failed > 0 { text += "; \(failed) failed" }
        if let node { text += "; local rank \(node.rank) \(node.role)" }
        return text
    }

    private static func count(_ files: Int) -> String { "\(files) file\(files == 1 ? "" : "s")" }

    /// The first thing that went wrong, and how many there are.
    var failureText: String {
        if let first = failures.first { return "\(failed) failed, the first one \(first.source): \(first.reason)" }
        return "nothing fits \(unmatched.joined(separator: ", "))"
    }

    var exitStatus: ExitStatus { failed > 0 ? .failure : unmatched.isEmpty ? .success : .notFound }
}
