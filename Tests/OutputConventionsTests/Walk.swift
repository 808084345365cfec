import OutputConventions

let allViews = ShownViews.all

/// One step of a walk down the tree to a blob.
struct Step: Hashable {
    var name: String
    var place: TreePlace

    static func == (one: Step, other: Step) -> Bool {
        one.name.utf8.elementsEqual(other.name.utf8) && one.place == other.place
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(Array(name.utf8))
        hasher.combine(place)
    }
}

/// Walks from `place` to the blob `name` as a file system does: asks each directory's listing, takes the line under
/// which the blob is, and goes where it points. `nil` when some directory does not show it.
func walk(to name: String, from place: TreePlace) -> [Step]? {
    var place = place
    var steps: [Step] = []
    while true {
        if case .file(_, _, let found) = place { return found.utf8.elementsEqual(name.utf8) ? steps : nil }
        if case .container(.jobs, let container) = place, !name.utf8.starts(with: "$".utf8) {
            place = .tasks(container: container)
            steps.append(Step(name: "tasks", place: place))
        }
        guard case .blobs(_, let prefix) = place.planned(views: allViews).source,
            name.utf8.starts(with: prefix.utf8)
        else { return nil }
        let rest = name.utf8.dropFirst(prefix.utf8.count)
        let shown: (name: String, place: TreePlace)?
        if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
            shown = place.shown(prefix: String(decoding: name.utf8[...slash], as: UTF8.self))
        } else {
            shown = place.shown(blob: name)
        }
        guard let shown else { return nil }
        place = shown.place
        steps.append(Step(name: shown.name, place: place))
    }
}

extension Resolution {
    /// The places that a name may lead to.
    var places: [TreePlace] {
        switch self {
        case .fixed(let place), .container(let place), .folder(let place), .file(let place): [place]
        case .either(let file, let folder): [file, folder]
        case .gathered, .impossible: []
        }
    }
}
