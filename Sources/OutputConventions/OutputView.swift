/// One top-level folder of the tree.
package enum OutputView: String, CaseIterable, Sendable, Hashable {
    /// Azure Batch File Conventions: one folder for each job.
    case jobs
    /// Every blob under its own name, whatever wrote it.
    case containers
}
