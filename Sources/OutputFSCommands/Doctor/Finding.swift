/// What one check came to: a line of `outputfs doctor`.
struct Finding: Codable, Sendable, Equatable {
    enum Level: String, Codable, Sendable {
        case ok
        /// A mount works, not as well as it could.
        case warning
        /// A mount with these arguments fails, or loses something.
        case problem
    }

    /// What was looked at.
    var check: String
    var level: Level
    /// What it is like.
    var finding: String
    /// What the user can do; one line each.
    var remedies: [String]

    init(_ check: String, _ level: Level, _ finding: String, try remedies: String...) {
        self.check = check
        self.level = level
        self.finding = finding
        self.remedies = remedies
    }

    /// A refusal of the mount as a problem of this check.
    init(_ check: String, _ failure: CommandFailure, level: Level = .problem) {
        self.init(check, level, failure.what)
        remedies = failure.remedies
    }
}

/// Everything that `outputfs doctor` found.
struct DoctorReport: Codable, Sendable, Equatable {
    var programVersion: String
    var findings: [Finding]

    var problemCount: Int { findings.count { $0.level == .problem } }
    var warningCount: Int { findings.count { $0.level == .warning } }

    /// One line a check, remedies below it, and the sum.
    var text: String {
        let width = findings.map(\.check.count).max() ?? 0
        var lines = findings.flatMap { finding in
            let check = finding.check + String(repeating: " ", count: width - finding.check.count)
            let level = finding.level.rawValue
            return [level + String(repeating: " ", count: 7 - level.count) + "  " + check + "  " + finding.finding]
                + finding.remedies.map { String(repeating: " ", count: 9) + "try: " + $0 }
        }
        lines.append("")
        lines.append(
            problemCount + warningCount == 0
                ? "Everything is as it should be."
                : "\(problemCount) problem\(problemCount == 1 ? "" : "s"), "
                    + "\(warningCount) warning\(warningCount == 1 ? "" : "s")."
        )
        return lines.joined(separator: "\n")
    }

    var exitStatus: ExitStatus { problemCount > 0 ? .failure : .success }
}
