/// A directory that no single listing tells: what is in it is put together from several, by the rules of its view.
///
/// It is there or not by what the store holds; nothing can be made in it, and nothing renamed into it.
package struct GatheredPlace: Sendable {
    package let view: OutputView
    /// The container that it is about; empty where that is several.
    package let container: String
    /// Below the view, the names joined by slashes; empty for the view itself.
    package let path: String

    package init(_ view: OutputView, container: String = "", path: String = "") {
        (self.view, self.container, self.path) = (view, container, path)
    }
}

extension GatheredPlace: Hashable {
    package static func == (one: GatheredPlace, other: GatheredPlace) -> Bool {
        TreePlace.gathered(one) == TreePlace.gathered(other)
    }

    package func hash(into hasher: inout Hasher) { TreePlace.gathered(self).hash(into: &hasher) }
}

extension TreePlace {
    /// What is to be gathered to list this directory; `nil` where a listing tells it.
    package var gathered: GatheredPlace? {
        switch self {
        case .gathered(let place): place
        case .view(let view):
            switch view {
            case .runs, .datastores, .uploads, .foreach: GatheredPlace(view)
            case .jobs, .projects, .containers: nil
            }
        case .root, .selfLink, .container, .tasks, .task, .folder, .file: nil
        }
    }
}
