/// What a directory consists of, before the store was asked.
package struct PlannedDirectory: Sendable {
    /// Always there: views, `self`, `tasks`, the predefined kinds.
    package var fixed: [(name: String, place: TreePlace)]
    package var source: ListingSource

    package init(fixed: [(name: String, place: TreePlace)] = [], source: ListingSource = .nothing) {
        self.fixed = fixed
        self.source = source
    }
}

/// Which listing tells the rest.
package enum ListingSource: Sendable, Hashable {
    case nothing
    /// List Containers.
    case containers(prefix: String)
    /// List Blobs with the delimiter `/`.
    case blobs(container: String, prefix: String)
    /// Several, which `GatheredPlace` knows.
    case gathered(GatheredPlace)
}

extension TreePlace {
    /// What this directory consists of. For what is not a directory: nothing.
    package func planned(views: ShownViews) -> PlannedDirectory {
        switch self {
        case .root:
            var fixed: [(name: String, place: TreePlace)] =
                OutputView.allCases.filter(views.contains).map { ($0.rawValue, .top($0, views)) }
            if views.contains(.jobs) { fixed.append((Self.selfName, .selfLink)) }
            return PlannedDirectory(fixed: fixed)
        case .view(.jobs):
            return PlannedDirectory(source: .containers(prefix: JobContainer.prefix))
        case .view(.containers):
            return PlannedDirectory(source: .containers(prefix: ""))
        case .container(.jobs, let container):
            let kinds = PredefinedKind.ofJobs.map { kind in
                (kind.rawValue, TreePlace.folder(.jobs, container: container, prefix: "$\(kind.rawValue)/"))
            }
            return PlannedDirectory(
                fixed: kinds + [(Self.tasksName, .tasks(container: container))],
                source: .blobs(container: container, prefix: "$")
            )
        case .view(.runs), .view(.datastores), .view(.uploads), .view(.foreach), .gathered:
            return PlannedDirectory(source: gathered.map { .gathered($0) } ?? .nothing)
        case .container(_, let container), .tasks(let container):
            return PlannedDirectory(source: .blobs(container: container, prefix: ""))
        case .task(let container, let task):
            let kinds = PredefinedKind.ofTasks.map { kind in
                (kind.rawValue, TreePlace.folder(.jobs, container: container, prefix: "\(task)/$\(kind.rawValue)/"))
            }
            return PlannedDirectory(fixed: kinds, source: .blobs(container: container, prefix: "\(task)/$"))
        case .folder(_, let container, let prefix):
            return PlannedDirectory(source: .blobs(container: container, prefix: prefix))
        // Without a container there are no projects.
        case .selfLink, .file, .view(.projects):
            return PlannedDirectory()
        }
    }

    /// The place of a view's own folder.
    static func top(_ view: OutputView, _ views: ShownViews) -> TreePlace {
        guard view == .projects, let container = views.luisyContainer else { return .view(view) }
        return .container(.projects, container: container)
    }

    /// The blob of 0 bytes that keeps this directory alive while it is empty: named like the directory, without a
    /// trailing slash. `nil` where nothing of the kind is needed or possible.
    package var marker: (container: String, name: String)? {
        switch self {
        case .task(let container, let task): return (container, task)
        case .folder(_, let container, let prefix):
            guard prefix.utf8.last == UInt8(ascii: "/") else { return nil }
            let name = prefix.utf8.dropLast()
            // The marker of `a//` would be the other tools' marker of `a/`; that of `/` would have no name.
            guard let last = name.last, last != UInt8(ascii: "/") else { return nil }
            return (container, String(Substring(name)))
        case .root, .selfLink, .view, .gathered, .container, .tasks, .file: return nil
        }
    }

    /// The marker as other tools spell it, with a trailing slash. It is in this directory's own listing; hidden when it
    /// has 0 bytes, and deleted together with the directory.
    package var slashMarker: (container: String, name: String)? {
        marker.map { ($0.container, $0.name + "/") }
    }
}
