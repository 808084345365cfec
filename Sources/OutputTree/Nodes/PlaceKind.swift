import BlobStorage
import OutputConventions

/// What a directory's place is besides container and prefix; one byte of a node's record.
enum PlaceKind: UInt8 {
    case file, root, jobsView, containersView, job, container, tasks, task, jobsFolder, containersFolder
}

extension TreePlace {
    /// `nil` for files and `self`.
    var kind: PlaceKind? {
        switch self {
        case .root: .root
        case .selfLink, .file: nil
        case .view(.jobs): .jobsView
        case .view(.containers): .containersView
        case .container(.jobs, _): .job
        case .container(.containers, _): .container
        case .tasks: .tasks
        case .task: .task
        case .folder(.jobs, _, _): .jobsFolder
        case .folder(.containers, _, _): .containersFolder
        }
    }

    /// The place of a directory of which the blobs below have these names in common; `nil` if `kind` is a file's.
    init?(_ kind: PlaceKind, container: String, prefix: String) {
        switch kind {
        case .file: return nil
        case .root: self = .root
        case .jobsView: self = .view(.jobs)
        case .containersView: self = .view(.containers)
        case .job: self = .container(.jobs, container: container)
        case .container: self = .container(.containers, container: container)
        case .tasks: self = .tasks(container: container)
        case .task: self = .task(container: container, task: String(Substring(prefix.utf8.dropLast())))
        case .jobsFolder: self = .folder(.jobs, container: container, prefix: prefix)
        case .containersFolder: self = .folder(.containers, container: container, prefix: prefix)
        }
    }
}
