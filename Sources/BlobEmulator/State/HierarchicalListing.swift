/// Listings of an account with a hierarchical namespace.
extension ContainerState {
    /// A page of List Blobs.
    func page(_ query: ListingQuery) -> ListingPage {
        isHierarchical && !query.delimiter.isEmpty ? hierarchicalPage(query) : blobs.page(query)
    }

    /// With the delimiter `/`: a directory is a prefix with properties, in its place among the names, and no blob.
    ///
    /// A directory's own entry comes before its place as a prefix: `a`, `a-b`, `a/`. Meanwhile it is pending; what is
    /// pending last comes first, since it begins with what was pending before.
    private func hierarchicalPage(_ query: ListingQuery) -> ListingPage {
        var page = ListingPage()
        var pending = query.start.map { passedDirectories(before: $0.name, query.prefix) } ?? []
        var position = blobs.lowerBound(query.start.map { Swift.max($0.name, query.prefix) } ?? query.prefix)
        while true {
            let entry = blobs[position].flatMap { $0.name.hasPrefix(query.prefix) ? $0 : nil }
            while let directory = pending.last, entry.map({ directory.directoryPrefix <= $0.name }) ?? true {
                guard page.entries.count < query.limit else { return page.resuming(at: directory.directoryPrefix) }
                pending.removeLast()
                if let blob = blobs[directory]?.current {
                    page.entries.append(.directory(directory.directoryPrefix, blob))
                }
            }
            guard let (name, node) = entry else { return page }
            if let end = name.end(of: query.delimiter, from: query.prefix.bytes.count) {
                position = blobs.lowerBound(Name(Array(name.bytes[..<end])).afterPrefix)
                continue
            }
            if isDirectory(name) {
                pending.append(name)
            } else if let blob = node.current {
                guard page.entries.count < query.limit else { return page.resuming(at: name) }
                page.entries.append(.blob(name, blob, node.lease))
            } else if query.includesUncommitted, node.staged != nil {
                guard page.entries.count < query.limit else { return page.resuming(at: name) }
                page.entries.append(.uncommitted(name))
            }
            position = blobs.position(after: position)
        }
    }

    /// Directories whose entries come before `name` and their prefixes not: names that it begins with.
    private func passedDirectories(before name: Name, _ prefix: Name) -> [Name] {
        let shortest = max(1, prefix.bytes.count)
        guard name.bytes.count > shortest else { return [] }
        return (shortest..<name.bytes.count).map { Name(Array(name.bytes[..<$0])) }
            .filter { $0.end(of: [UInt8(ascii: "/")], from: prefix.bytes.count) == nil }
            .filter { isDirectory($0) && $0.directoryPrefix >= name }
    }

    /// Path List: at most `limit` paths of the directory from `start` on, with all below them if `isRecursive`, and the
    /// path with which the next page begins.
    func paths(in directory: Name, isRecursive: Bool, from start: Name?, limit: Int) -> (
        entries: [PathEntry], next: Name?
    ) {
        let prefix = directory.directoryPrefix
        var entries: [PathEntry] = []
        var position = blobs.lowerBound(start.map { Swift.max($0, prefix) } ?? prefix)
        while let (name, node) = blobs[position], name.hasPrefix(prefix) {
            if !isRecursive, let end = name.end(of: [UInt8(ascii: "/")], from: prefix.bytes.count) {
                position = blobs.lowerBound(Name(Array(name.bytes[..<end])).afterPrefix)
                continue
            }
            if let blob = node.current {
                guard entries.count < limit else { return (entries, name) }
                entries.append(PathEntry(name: name, blob: blob))
            }
            position = blobs.position(after: position)
        }
        return (entries, nil)
    }
}

/// One line of Path List.
struct PathEntry: Sendable {
    let name: Name
    let blob: Blob
}

extension ListingPage {
    fileprivate func resuming(at name: Name) -> ListingPage {
        var page = self
        page.next = ListMarker(name: name)
        return page
    }
}
