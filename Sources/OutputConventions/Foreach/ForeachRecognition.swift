/// Tells by the blobs of a container whether it holds a foreach job of doAzureParallel. Its name does not tell: it is the
/// user's, and there is no metadata.
///
/// It does when it has `<c>-metadata.rds` (since 0.6.2), or `<c>.rds` with `worker.R` and `merger.R` (since 0.3), or results
/// or arguments of tasks with the ids of old releases, `<c>-task<n>` (0.2 has nothing else).
package struct ForeachRecognition: Sendable {
    private let container: String
    private var hasEnvironment = false
    private var hasWorker = false
    private var hasMerger = false
    private var isCertain = false

    package init(container: String) { self.container = container }

    /// Whether these blobs are those of a foreach job.
    package static func isJob(_ container: String, blobs: some Sequence<String>) -> Bool {
        var recognition = ForeachRecognition(container: container)
        for blob in blobs {
            recognition.note(blob)
            if recognition.isJob { return true }
        }
        return false
    }

    package mutating func note(_ blob: String) {
        if blob.utf8.elementsEqual("worker.R".utf8) { hasWorker = true }
        if blob.utf8.elementsEqual("merger.R".utf8) { hasMerger = true }
        if blob.utf8.elementsEqual((container + ".rds").utf8) { hasEnvironment = true }
        if blob.utf8.elementsEqual((container + "-metadata.rds").utf8) { isCertain = true }
        guard !isCertain, let task = ForeachTask(blob: blob, in: container) else { return }
        if task.isOfOldRelease, task.file == .result || task.file == .arguments { isCertain = true }
    }

    package var isJob: Bool { isCertain || hasEnvironment && hasWorker && hasMerger }
}
