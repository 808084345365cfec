internal import OutputTransfer

/// `jobs show`: a JSON object, or a page for people.
struct JobReport: Codable, Sendable {
    struct Amount: Codable, Sendable {
        var files: Int
        var bytes: UInt64
        /// When the first blob was made and the last one written; RFC 3339, in UTC.
        var first: String?
        var last: String?

        init(_ amount: JobSummary.Amount) {
            (files, bytes) = (amount.files, amount.bytes)
            (first, last) = (amount.first.map { ListedFile.time($0) }, amount.last.map { ListedFile.time($0) })
        }

        var columns: [String] { ["\(files)", HumanUnits.bytes(bytes), last ?? "-"] }
    }

    struct Kind: Codable, Sendable {
        var name: String
        var total: Amount
    }

    struct Task: Codable, Sendable {
        var id: String
        var total: Amount
        var kinds: [Kind]
    }

    var job: JobLine
    /// Containers, and prefixes within containers.
    var places: [String]
    var total: Amount
    var kinds: [Kind]
    var tasks: [Task]
    var logs: [JobSummary.Log]

    init(_ job: Job, _ summary: JobSummary, state: String?) {
        self.job = JobLine(job, state: state, lastWritten: summary.total.last)
        places = job.places.map(\.description)
        total = Amount(summary.total)
        kinds = summary.kinds.map { Kind(name: $0.name, total: Amount($0.total)) }
        tasks = summary.tasks.map { task in
            let kinds = task.kinds.map { Kind(name: $0.name, total: Amount($0.total)) }
            return Task(id: task.id, total: Amount(task.total), kinds: kinds)
        }
        logs = summary.logs
    }

    /// A page holds so many tasks, or names of logs; the JSON has all.
    private static let rowsMax = 50

    var text: String {
        var lines = ["\(job.path)\(job.state.map { " (\($0))" } ?? "")"]
        lines += places.map { "  \($0)" }
        lines.append("  \(total.files) files, \(HumanUnits.bytes(total.bytes))")
        if let first = total.first, let last = total.last { lines.append("  first \(first), last \(last)") }
        lines += section("KIND", kinds.map { [$0.name] + $0.total.columns })
        let tasks = tasks.prefix(Self.rowsMax).map { task in
            let kinds = task.kinds.map { "\($0.name) \($0.total.files)" }.joined(separator: ", ")
            return [task.id] + task.total.columns + [kinds]
        }
        lines += section("TASK", tasks, more: self.tasks.count - tasks.count)
        let logs = logs.prefix(Self.rowsMax)
        if !logs.isEmpty {
            lines.append("")
            lines += logs.map { "log \($0.name)\($0.count > 1 ? " (\($0.count) times)" : "")" }
            if self.logs.count > logs.count { lines.append("… and \(self.logs.count - logs.count) more") }
        }
        return lines.joined(separator: "\n")
    }

    private func section(_ title: String, _ rows: [[String]], more: Int = 0) -> [String] {
        guard let first = rows.first else { return [] }
        let titles: [(title: String, alignment: TextTable.Alignment)] = [
            (title, .left), ("FILES", .right), ("SIZE", .right), ("LAST", .left), ("KINDS", .left),
        ]
        var table = TextTable(Array(titles.prefix(first.count)))
        for row in rows { table.add(row) }
        return ["", table.text] + (more > 0 ? ["… and \(more) more; --json has all"] : [])
    }
}
