/// The results of a foreach job side by side, in order: a second path to each task's `result.rds`.
///
///     results/<n>-result.rds, result/<c>-task<n>-result.rds   results/<n>.rds
///     results/merge-result.rds, result/<c>-merge-result.rds   results/merged.rds
package enum ForeachResult {
    /// The blobs that `name` in `results/` may be, of which the first that is there is shown.
    package static func blobs(named name: String, in container: String) -> [String] {
        let ending = ".rds"
        guard name.utf8.count > ending.utf8.count, name.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8) else {
            return []
        }
        let stem = String(Substring(name.utf8.dropLast(ending.utf8.count)))
        let tasks =
            stem.utf8.elementsEqual("merged".utf8)
            ? ["merge", "\(container)-merge"] : [stem, "\(container)-task\(stem)"]
        return tasks.compactMap { task in ForeachBlob.blob(at: "tasks/\(task)/result.rds", in: container) }
            // Of ids that are no number's: `results/merge.rds` is not there, `results/<c>-task1.rds` neither.
            .filter { blob in self.name(of: blob, in: container).map { $0.utf8.elementsEqual(name.utf8) } ?? false }
    }

    /// The name in `results/` under which a blob is shown; `nil` if it is no result.
    package static func name(of blob: String, in container: String) -> String? {
        let path = ForeachBlob.path(of: blob, in: container).utf8
        let (before, after) = ("tasks/".utf8, "/result.rds".utf8)
        guard path.starts(with: before), path.count > before.count + after.count,
            path.suffix(after.count).elementsEqual(after)
        else { return nil }
        var task = path.dropFirst(before.count).dropLast(after.count)
        for older in ["\(container)-task", "\(container)-"] where task.starts(with: older.utf8) {
            task = task.dropFirst(older.utf8.count)
            break
        }
        return task.elementsEqual("merge".utf8) ? "merged.rds" : "\(Substring(task)).rds"
    }
}
