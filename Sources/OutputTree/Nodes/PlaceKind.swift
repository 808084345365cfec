import BlobStorage
import OutputConventions

/// What a directory's place is besides its texts; one byte of a node's record.
struct PlaceKind: RawRepresentable, Sendable, Hashable {
    let rawValue: UInt8

    private enum Form: UInt8 { case file, root, view, container, tasks, task, folder, gathered }

    static let file = PlaceKind(.file, .jobs)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    private init(_ form: Form, _ view: OutputView) { rawValue = form.rawValue << 4 | view.number }

    fileprivate init?(_ place: TreePlace) {
        switch place {
        case .root: self.init(.root, .jobs)
        case .selfLink, .file: return nil
        case .view(let view): self.init(.view, view)
        case .container(let view, _): self.init(.container, view)
        case .tasks: self.init(.tasks, .jobs)
        case .task: self.init(.task, .jobs)
        case .folder(let view, _, _): self.init(.folder, view)
        case .gathered(let place): self.init(.gathered, place.view)
        }
    }

    fileprivate func place(container: String, text: String) -> TreePlace? {
        guard let form = Form(rawValue: rawValue >> 4), let view = OutputView(number: rawValue & 0xF) else {
            return nil
        }
        switch form {
        case .file: return nil
        case .root: return .root
        case .view: return .view(view)
        case .container: return .container(view, container: container)
        case .tasks: return .tasks(container: container)
        case .task: return .task(container: container, task: String(Substring(text.utf8.dropLast())))
        case .folder: return .folder(view, container: container, prefix: text)
        case .gathered: return .gathered(GatheredPlace(view, container: container, path: text))
        }
    }
}

extension OutputView {
    /// Records that outlive the process hold these numbers.
    fileprivate var number: UInt8 {
        switch self {
        case .jobs: 0
        case .containers: 1
        case .runs: 2
        case .datastores: 3
        case .uploads: 4
        case .foreach: 5
        case .projects: 6
        }
    }

    fileprivate init?(number: UInt8) {
        guard let view = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = view
    }
}

extension TreePlace {
    /// `nil` for files and `self`.
    var kind: PlaceKind? { PlaceKind(self) }

    /// The texts that tell this directory from others of its kind: container, and what its blobs' names begin with or, of
    /// one that is gathered, its path.
    var texts: (container: String, text: String) {
        if case .gathered(let place) = self { return (place.container, place.path) }
        return (contents?.container ?? "", contents?.name ?? "")
    }

    /// The place of a directory; `nil` if `kind` is a file's.
    init?(_ kind: PlaceKind, container: String, text: String) {
        guard let place = kind.place(container: container, text: text) else { return nil }
        self = place
    }
}
