/// The directories of one foreach job, `foreach/<job>` being the first.
package enum ForeachDirectory: Sendable, Hashable {
    case job
    case tasks
    case task(String)
    /// What belongs to the job as a whole.
    case files
    case scripts
    case results
    /// What follows none of the rules, under the blobs' own names.
    case other

    /// `path` as in a `GatheredPlace`.
    package init?(path: String, in container: String) {
        let known: [ForeachDirectory] = [.job, .tasks, .files, .scripts, .results, .other]
        if let directory = known.first(where: { $0.path.utf8.elementsEqual(path.utf8) }) {
            self = directory
            return
        }
        let before = "tasks/".utf8
        guard path.utf8.starts(with: before) else { return nil }
        let task = String(Substring(path.utf8.dropFirst(before.count)))
        guard ForeachBlob.isTask(task, of: container) else { return nil }
        self = .task(task)
    }

    /// Below `foreach/<job>`.
    package var path: String {
        switch self {
        case .job: ""
        case .tasks: "tasks"
        case .task(let task): "tasks/" + task
        case .files: "job"
        case .scripts: "job/scripts"
        case .results: "results"
        case .other: "other"
        }
    }

    package func place(in container: String) -> TreePlace {
        .gathered(GatheredPlace(.foreach, container: container, path: path))
    }

    /// What is in it whether or not any blob is.
    package var fixed: [(name: String, directory: ForeachDirectory)] {
        switch self {
        case .job: [("tasks", .tasks), ("job", .files), ("results", .results), ("other", .other)]
        case .files: [("scripts", .scripts)]
        case .tasks, .task, .scripts, .results, .other: []
        }
    }

    /// The files that can be in it, each with the blob that it is; empty where only a listing tells.
    package func files(in container: String) -> [(name: String, blob: String)] {
        let names: [String]
        switch self {
        case .task: names = ForeachBlob.taskFiles
        case .files: names = ["environment.rds", "metadata.rds"]
        case .scripts: names = ForeachBlob.scripts
        case .job, .tasks, .results, .other: return []
        }
        return names.compactMap { name in
            ForeachBlob.blob(at: "\(path)/\(name)", in: container).map { (name, $0) }
        }
    }

    /// The blobs that a file of this name may be, of which the first that is there is shown. Empty in `other`, where
    /// blobs and names correspond as elsewhere: see `otherBlobs`.
    package func blobs(named name: String, in container: String) -> [String] {
        switch self {
        case .task, .files, .scripts:
            files(in: container).filter { $0.name.utf8.elementsEqual(name.utf8) }.map(\.blob)
        case .results: ForeachResult.blobs(named: name, in: container)
        case .job, .tasks, .other: []
        }
    }

    /// The directory by whose rules `other` names what is in it. It lists more than is shown there: names of prefixes in
    /// `ForeachBlob.taskFolders` only where a blob below follows none of the rules.
    package static func otherBlobs(in container: String) -> TreePlace {
        .folder(.foreach, container: container, prefix: "")
    }
}

extension GatheredPlace {
    package var foreachDirectory: ForeachDirectory? {
        guard view == .foreach, !container.isEmpty else { return nil }
        return ForeachDirectory(path: path, in: container)
    }

    /// The file that a name in it can only be, whether or not it is there; `nil` where names do not tell.
    package func file(named name: String) -> TreePlace? {
        guard let blobs = foreachDirectory?.blobs(named: name, in: container), blobs.count == 1 else { return nil }
        return .file(view, container: container, name: blobs[0])
    }

    /// The directory that a name in it can only be, whether or not it is there; `nil` where names do not tell.
    package func directory(named name: String) -> TreePlace? {
        if container.isEmpty { return ContainerName.isValid(name) ? ForeachDirectory.job.place(in: name) : nil }
        return switch foreachDirectory {
        case .tasks where ForeachBlob.isTask(name, of: container): ForeachDirectory.task(name).place(in: container)
        case .other:
            switch ForeachDirectory.otherBlobs(in: container).resolve(name, views: .all) {
            case .folder(let folder), .either(_, let folder): folder
            case .fixed, .container, .file, .gathered, .impossible: nil
            }
        case .job, .tasks, .task, .files, .scripts, .results, nil: nil
        }
    }
}

extension GatheredPlace {
    /// The container of which one flat listing tells all that is below, since names alone say where each blob is: cheaper
    /// than to look into each task. `nil` where it would bring more than what is below.
    package var containerListedFlat: String? {
        switch foreachDirectory {
        case .job, .tasks, .other: container
        case .task, .files, .scripts, .results, nil: nil
        }
    }

    /// See `TreePlace.path(to:)`. Of the two paths of a result, below `foreach/<job>` it is that of its task.
    func path(to blob: String, isShadowed: Bool, views: ShownViews) -> [String]? {
        guard let directory = foreachDirectory else { return nil }
        if case .results = directory { return ForeachResult.name(of: blob, in: container).map { [$0] } }
        let path = Self.names(ForeachBlob.path(of: blob, in: container))
        let above = Self.names(directory.path)
        guard path.count > above.count, zip(path, above).allSatisfy({ $0.utf8.elementsEqual($1.utf8) }) else {
            return nil
        }
        guard path[0].utf8.elementsEqual("other".utf8) else { return Array(path.dropFirst(above.count)) }
        let other = ForeachDirectory.otherBlobs(in: container).path(to: blob, isShadowed: isShadowed, views: views)
        return other.map { (above.isEmpty ? ["other"] : []) + $0 }
    }

    private static func names(_ path: String) -> [String] {
        path.isEmpty
            ? []
            : path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
                String(Substring($0))
            }
    }
}
