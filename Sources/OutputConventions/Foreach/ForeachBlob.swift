/// The names of the blobs that doAzureParallel keeps of one foreach job, as a tree: tasks with their results and logs, what
/// belongs to the job, and everything else.
///
/// One rule for all releases since 0.2: the ids of tasks are those of the Batch service, which older releases prefixed with
/// the job's. `T` is `[1-9][0-9]*` or `merge`; in older jobs `<c>-task[1-9][0-9]*` or `<c>-merge`, `c` being the container.
/// It has at most 251 bytes, so that it can name a directory, and `T.rds` a file; Batch's own limit is 64.
///
///     <c>.rds, <c>-metadata.rds                                 job/environment.rds, job/metadata.rds
///     worker.R, merger.R, install_*.R                           job/scripts/…
///     results/T-result.rds (result/T-result.rds in older jobs)  tasks/T/result.rds
///     logs/T.txt, stdout/T-stdout.txt, stderr/T-stderr.txt      tasks/T/{log,stdout,stderr}.txt
///     T.rds                                                     tasks/T/args.rds
///     anything else                                             other/…
package enum ForeachBlob {
    package static let scripts = [
        "install_bioconductor.R", "install_cran.R", "install_github.R", "merger.R", "worker.R",
    ]

    /// Where a blob of the container is shown, as the path below `foreach/<job>/`; every blob is shown, and at one path only.
    package static func path(of blob: String, in container: String) -> String {
        if same(blob, container + ".rds") { return "job/environment.rds" }
        if same(blob, container + "-metadata.rds") { return "job/metadata.rds" }
        if scripts.contains(where: { same($0, blob) }) { return "job/scripts/" + blob }
        for form in Form.all {
            guard let task = form.task(in: blob), form.takes(task, of: container) else { continue }
            guard task.utf8.count <= taskByteCountMax else { break }
            return "tasks/\(task)/\(form.file)"
        }
        return "other/" + blob
    }

    /// The blob that is shown at a path; `nil` where none can be.
    package static func blob(at path: String, in container: String) -> String? {
        candidates(for: path, in: container).first { same(self.path(of: $0, in: container), path) }
    }

    /// Whether the blob is the environment of a job, with all that the caller's session knew: perhaps tokens. By its name
    /// alone, which is cheap: of a file that is taken for one, chmod changes the mode like that of any other.
    package static func mayHoldTokens(_ blob: String, in container: String) -> Bool {
        guard blob.utf8.suffix(4).elementsEqual(".rds".utf8) else { return false }
        // A container of another account goes by its URL.
        let own = container.utf8.lastIndex(of: UInt8(ascii: "/")).map { container.utf8[$0...].dropFirst() }
        return blob.utf8.dropLast(4).elementsEqual(own ?? container.utf8[...])
    }

    /// The id of the task that a blob belongs to; `nil` if it is shown elsewhere.
    package static func task(of blob: String, in container: String) -> String? {
        let parts = path(of: blob, in: container).utf8.split(
            separator: UInt8(ascii: "/"),
            omittingEmptySubsequences: false
        )
        guard parts.count == 3, parts[0].elementsEqual("tasks".utf8) else { return nil }
        return String(Substring(parts[1]))
    }

    /// Whether a task of the container can have this id.
    package static func isTask(_ id: String, of container: String) -> Bool {
        id.utf8.count <= taskByteCountMax && Form.all.contains { $0.takes(id, of: container) }
    }

    /// The names of the files that a task can have.
    package static let taskFiles = ["result.rds", "log.txt", "stdout.txt", "stderr.txt", "args.rds"]
    /// What the names of tasks' blobs begin with, but for the arguments, which have no folder.
    package static let taskFolders = ["results/", "result/", "logs/", "stdout/", "stderr/"]

    private static let taskByteCountMax = 251

    private static func candidates(for path: String, in container: String) -> [String] {
        if same(path, "job/environment.rds") { return [container + ".rds"] }
        if same(path, "job/metadata.rds") { return [container + "-metadata.rds"] }
        if let script = rest(of: path, behind: "job/scripts/") { return [script] }
        if let other = rest(of: path, behind: "other/") { return [other] }
        guard let task = rest(of: path, behind: "tasks/") else { return [] }
        let parts = task.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        guard parts.count == 2 else { return [] }
        return Form.all.filter { same($0.file, parts[1]) }.map { $0.before + parts[0] + $0.after }
    }

    /// How one kind of a task's blobs is named.
    private struct Form {
        let before: String
        let after: String
        let file: String
        let takesNew: Bool
        let takesOld: Bool
        let takesMerge: Bool

        static let all = [
            Form("results/", "-result.rds", "result.rds", new: true, old: false),
            Form("result/", "-result.rds", "result.rds", new: false, old: true),
            Form("logs/", ".txt", "log.txt", new: true, old: true),
            Form("stdout/", "-stdout.txt", "stdout.txt", new: true, old: true),
            Form("stderr/", "-stderr.txt", "stderr.txt", new: true, old: true),
            Form("", ".rds", "args.rds", new: true, old: true, merge: false),
        ]

        init(_ before: String, _ after: String, _ file: String, new: Bool, old: Bool, merge: Bool = true) {
            (self.before, self.after, self.file) = (before, after, file)
            (takesNew, takesOld, takesMerge) = (new, old, merge)
        }

        func task(in blob: String) -> String? {
            guard blob.utf8.count > before.utf8.count + after.utf8.count, blob.utf8.starts(with: before.utf8),
                blob.utf8.suffix(after.utf8.count).elementsEqual(after.utf8)
            else { return nil }
            return String(decoding: blob.utf8.dropFirst(before.utf8.count).dropLast(after.utf8.count), as: UTF8.self)
        }

        func takes(_ task: String, of container: String) -> Bool {
            if takesNew, isNumber(task) || takesMerge && same(task, "merge") { return true }
            guard takesOld else { return false }
            if let number = rest(of: task, behind: container + "-task") { return isNumber(number) }
            return same(task, container + "-merge")
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return text.utf8.first.map { $0 != UInt8(ascii: "0") } ?? false && text.utf8.allSatisfy(digits.contains)
    }

    private static func rest(of text: String, behind beginning: String) -> String? {
        guard text.utf8.starts(with: beginning.utf8), text.utf8.count > beginning.utf8.count else { return nil }
        return String(decoding: text.utf8.dropFirst(beginning.utf8.count), as: UTF8.self)
    }

    private static func same(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
}
