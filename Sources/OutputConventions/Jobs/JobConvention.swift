/// A way in which jobs leave their outputs in blob storage.
package enum JobConvention: String, CaseIterable, Sendable, Hashable, Codable {
    /// Azure Batch File Conventions: a container for each job.
    case batch
    /// Azure ML: folders in the workspace's containers for each run.
    case azureml
    /// doAzureParallel: a container for each foreach loop.
    case foreach

    /// The folder at the top of the tree in which these jobs are.
    package var folder: String {
        switch self {
        case .batch: "jobs"
        case .azureml: "runs"
        case .foreach: "foreach"
        }
    }
}
