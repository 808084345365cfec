extension TreePlace {
    /// The names that lead from this directory down to a blob, as a file system that lists each directory on the way finds
    /// it; `nil` when the blob is not below this directory.
    ///
    /// `isShadowed`: a directory has the blob's name, so that the blob is shown beside it.
    package func path(to blob: String, isShadowed: Bool = false, views: ShownViews) -> [String]? {
        var place = self
        var names: [String] = []
        while true {
            if case .file(_, _, let found) = place { return found.utf8.elementsEqual(blob.utf8) ? names : nil }
            if case .container(.jobs, let container) = place, blob.utf8.first != UInt8(ascii: "$") {
                place = .tasks(container: container)
                names.append(Self.tasksName)
            }
            guard case .blobs(_, let prefix) = place.planned(views: views).source, blob.utf8.starts(with: prefix.utf8)
            else { return nil }
            let rest = blob.utf8.dropFirst(prefix.utf8.count)
            let shown: (name: String, place: TreePlace)?
            if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
                shown = place.shown(prefix: String(decoding: blob.utf8[...slash], as: UTF8.self))
            } else {
                shown = isShadowed ? place.shadowed(blob: blob) : place.shown(blob: blob)
            }
            guard let shown else { return nil }
            place = shown.place
            names.append(shown.name)
        }
    }
}
