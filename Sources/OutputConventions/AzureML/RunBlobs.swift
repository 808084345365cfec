/// The folders of a run's own kinds; everything else that a run left is among its `artifacts`.
package enum RunCategory: String, CaseIterable, Sendable {
    case outputs
    case logs
    case userLogs = "user_logs"
    case systemLogs = "system_logs"
    case azuremlLogs = "azureml-logs"
}

/// Where the blobs of an Azure ML run are.
///
///     azureml: ExperimentRun/dcid.<run>/<category>/…    runs/<run>/<category>/…
///     azureml: ExperimentRun/dcid.<run>/…               runs/<run>/artifacts/…
///     azureml-blobstore-<workspace>, azureml:
///       azureml/<run>/<output>/…, dataset/<run>/<output>/…   runs/<run>/named-outputs/<output>/…
package enum RunBlobs {
    /// The container of artifacts, one for each storage account.
    package static let artifactContainer = "azureml"
    /// What the default datastores' containers are named like, one for each workspace.
    package static let blobstorePrefix = "azureml-blobstore-"
    /// What the names of all runs' artifacts begin with: "data container id".
    package static let root = "ExperimentRun/dcid."
    /// Where named outputs are, each followed by the run; in this order, if there are two of one name.
    package static let namedOutputRoots = ["azureml/", "dataset/"]

    /// What the names of a run's artifacts begin with.
    package static func prefix(ofRun run: String) -> String { "\(root)\(run)/" }

    /// The run of a prefix `ExperimentRun/dcid.<run>/`.
    package static func run(ofPrefix prefix: String) -> String? {
        guard isRun(prefix: prefix) else { return nil }
        return String(decoding: prefix.utf8.dropFirst(root.utf8.count).dropLast(), as: UTF8.self)
    }

    static func isRun(prefix: String) -> Bool {
        let slash = UInt8(ascii: "/")
        guard prefix.utf8.starts(with: root.utf8), prefix.utf8.last == slash else { return false }
        let run = prefix.utf8.dropFirst(root.utf8.count).dropLast()
        return !run.isEmpty && !run.contains(slash)
    }
}
