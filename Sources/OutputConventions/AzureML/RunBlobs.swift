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
///     azureml, azureml-blobstore-<workspace>:
///       azureml/<run>/<output>[/…]                      runs/<run>/named-outputs/<output>[/…]
///     azureml-blobstore-<workspace>:
///       dataset/<run>/<output>[/…]                      the same, of older jobs
package enum RunBlobs {
    /// The container of artifacts, one for each storage account.
    package static let artifactContainer = "azureml"
    /// What the default datastores' containers are named like, one for each workspace.
    package static let blobstorePrefix = "azureml-blobstore-"
    /// What the names of all runs' artifacts begin with: "data container id".
    package static let root = "ExperimentRun/dcid."
    /// Where named outputs are, each followed by the run; in this order, if there are two of one name.
    package static let namedOutputRoots = ["azureml/", "dataset/"]
    /// The folder of a run beside those of its categories.
    package static let artifacts = "artifacts"
    package static let namedOutputs = "named-outputs"

    /// Where a container has named outputs: the default datastores in both places, that of artifacts in the newer one.
    package static func namedOutputRoots(of container: String) -> [String] {
        if container.utf8.elementsEqual(artifactContainer.utf8) { return [namedOutputRoots[0]] }
        return container.utf8.starts(with: blobstorePrefix.utf8) ? namedOutputRoots : []
    }

    /// The name of a run's folder; `nil` for what is no run's: it has no name, or one too long for one file name.
    package static func name(ofRun run: String) -> String? {
        let prefix = "\(namedOutputRoots[0])\(run)/"
        guard !run.isEmpty, let shown = anyRuns.shown(prefix: prefix),
            case .folder(_, _, let reached) = shown.place, reached.utf8.elementsEqual(prefix.utf8)
        else { return nil }
        return shown.name
    }

    /// The run whose folder has this name; the inverse of `name(ofRun:)`.
    package static func run(ofName name: String) -> String? {
        let prefix: String
        switch anyRuns.resolve(name, views: .all) {
        case .either(_, .folder(_, _, let reached)), .folder(.folder(_, _, let reached)): prefix = reached
        case .either, .folder, .fixed, .container, .file, .gathered, .impossible: return nil
        }
        guard prefix.utf8.last == UInt8(ascii: "/") else { return nil }
        let run = prefix.utf8.dropFirst(namedOutputRoots[0].utf8.count).dropLast()
        return run.isEmpty ? nil : String(decoding: run, as: UTF8.self)
    }

    /// A directory in which each run is one name.
    private static let anyRuns = TreePlace.folder(.runs, container: artifactContainer, prefix: namedOutputRoots[0])

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
