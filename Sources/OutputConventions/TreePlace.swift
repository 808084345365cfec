/// A place in the tree: what a path means in terms of containers and blob names.
///
/// Compared by UTF-8 bytes, as the service does; `String`'s own equality would take `é` composed and decomposed for one.
package enum TreePlace: Sendable {
    case root
    /// `/self`
    case selfLink
    /// `/jobs`, `/runs`, `/containers`…
    case view(OutputView)
    /// `/runs/<run>`, `/foreach/<job>/tasks`…: put together from several listings.
    case gathered(GatheredPlace)
    /// `/jobs/<job>`, `/containers/<container>`, `/projects`, `/datastores/<name>`
    case container(OutputView, container: String)
    /// `/jobs/<job>/tasks`
    case tasks(container: String)
    /// `/jobs/<job>/tasks/<task>`; `task` is the first segment of the blobs' names.
    case task(container: String, task: String)
    /// A directory that stands for a prefix of blob names. The prefix ends with `/`, except within a segment that is
    /// too long for one file name and goes on in the next path component.
    case folder(OutputView, container: String, prefix: String)
    /// A blob.
    case file(OutputView, container: String, name: String)
}

extension TreePlace {
    package var isDirectory: Bool {
        switch self {
        case .selfLink, .file: false
        case .root, .view, .gathered, .container, .tasks, .task, .folder: true
        }
    }

    /// Whether blobs with this directory's prefix are shown elsewhere in its view: what is done with all blobs of the prefix
    /// would be done with others', too.
    package var isPartial: Bool {
        switch self {
        case .folder(.runs, _, let prefix): RunBlobs.isRun(prefix: prefix)
        case .folder(.foreach, _, _), .container(.foreach, _): true
        default: false
        }
    }

    /// The folder for a prefix that ends with `/`; `jobs/<job>/tasks/<task>` where the prefix is that of a task.
    package static func directory(_ view: OutputView, container: String, prefix: String) -> TreePlace {
        guard view == .jobs, !prefix.utf8.starts(with: "$".utf8) else {
            return .folder(view, container: container, prefix: prefix)
        }
        let slash = UInt8(ascii: "/")
        let first = prefix.utf8.prefix { $0 != slash }
        guard first.count + 1 == prefix.utf8.count, !first.isEmpty else {
            return .folder(view, container: container, prefix: prefix)
        }
        return .task(container: container, task: String(Substring(first)))
    }
}

extension TreePlace: Hashable {
    /// What distinguishes a place: which case, which view, then the texts.
    private var key: (kind: UInt8, view: OutputView?, container: String, rest: String) {
        switch self {
        case .root: (0, nil, "", "")
        case .selfLink: (1, nil, "", "")
        case .view(let view): (2, view, "", "")
        case .container(let view, let container): (3, view, container, "")
        case .tasks(let container): (4, .jobs, container, "")
        case .task(let container, let task): (5, .jobs, container, task)
        case .folder(let view, let container, let prefix): (6, view, container, prefix)
        case .file(let view, let container, let name): (7, view, container, name)
        case .gathered(let place): (8, place.view, place.container, place.path)
        }
    }

    package static func == (one: TreePlace, other: TreePlace) -> Bool {
        let (one, other) = (one.key, other.key)
        return one.kind == other.kind && one.view == other.view && one.rest.utf8.elementsEqual(other.rest.utf8)
            && one.container.utf8.elementsEqual(other.container.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var (kind, view, container, rest) = key
        hasher.combine(kind)
        hasher.combine(view)
        container.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(UInt8(0xFF))
        rest.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
