/// What a page of List Blobs is asked for.
struct ListingQuery: Sendable {
    var prefix = Name([])
    var delimiter: [UInt8] = []
    /// At most so many entries; blobs, snapshots and prefixes count alike.
    var limit = 5000
    /// The first name, and its first snapshot, to look at.
    var start: ListMarker?
    var includesSnapshots = false
    var includesUncommitted = false
    /// Also what was deleted and can be brought back.
    var includesDeleted = false
    var now = Timestamp(ticks: 0)
}

/// A page, in the order of the names.
struct ListingPage: Sendable {
    enum Entry: Sendable {
        case blob(Name, Blob, Lease)
        case snapshot(Name, Timestamp, Blob)
        case deleted(Name, Blob)
        /// Blocks were put under this name, and never committed.
        case uncommitted(Name)
        case prefix(Name)
        /// In a hierarchical namespace: a prefix that is something by itself.
        case directory(Name, Blob)
    }

    var entries: [Entry] = []
    var next: ListMarker?
}

extension NameIndex<BlobNode> {
    /// Walks the names from where the page begins; what lies under one common prefix is skipped with a single seek.
    func page(_ query: ListingQuery) -> ListingPage {
        var page = ListingPage()
        var position = lowerBound(query.start.map { Swift.max($0.name, query.prefix) } ?? query.prefix)
        var listedBefore = query.start?.snapshot
        let startName = query.start?.name
        while let (name, node) = self[position], name.hasPrefix(query.prefix) {
            let resumesAt = name == startName ? listedBefore : nil
            if let end = name.end(of: query.delimiter, from: query.prefix.bytes.count) {
                // Only what can be seen makes a prefix.
                guard node.isVisible(query) else {
                    position = self.position(after: position)
                    continue
                }
                guard page.entries.count < query.limit else { return page.resuming(ListMarker(name: name)) }
                let prefix = Name(Array(name.bytes[..<end]))
                page.entries.append(.prefix(prefix))
                position = lowerBound(prefix.afterPrefix)
                continue
            }
            for entry in node.entries(name, query, from: resumesAt) {
                guard page.entries.count < query.limit else {
                    return page.resuming(ListMarker(name: name, snapshot: entry.resumption))
                }
                page.entries.append(entry)
            }
            listedBefore = nil
            position = self.position(after: position)
        }
        return page
    }
}

extension ListingPage {
    fileprivate func resuming(_ marker: ListMarker) -> ListingPage {
        var page = self
        page.next = marker
        return page
    }
}

extension ListingPage.Entry {
    /// The time in a marker that brings a listing back to this entry of its name.
    fileprivate var resumption: Timestamp? {
        switch self {
        case .snapshot(_, let time, _): time
        // After all snapshots.
        case .blob, .deleted, .uncommitted: Timestamp(ticks: .max / 16)
        case .prefix, .directory: nil
        }
    }
}

extension BlobNode {
    fileprivate func isVisible(_ query: ListingQuery) -> Bool {
        current != nil || query.includesUncommitted && staged != nil || retained(query) != nil
    }

    private func retained(_ query: ListingQuery) -> Blob? {
        query.includesDeleted ? deleted.flatMap { $0.isRetained(at: query.now) ? $0 : nil } : nil
    }

    private func isListed(_ snapshot: Snapshot, _ query: ListingQuery) -> Bool {
        snapshot.blob.protection.deletion == nil
            ? query.includesSnapshots : query.includesDeleted && snapshot.blob.isRetained(at: query.now)
    }

    /// The entries of one name: snapshots from the oldest on, then the blob.
    fileprivate func entries(_ name: Name, _ query: ListingQuery, from time: Timestamp?) -> [ListingPage.Entry] {
        var entries: [ListingPage.Entry] = []
        for snapshot in snapshots where isListed(snapshot, query) && time.map({ snapshot.time >= $0 }) ?? true {
            entries.append(.snapshot(name, snapshot.time, snapshot.blob))
        }
        if let current {
            entries.append(.blob(name, current, lease))
        } else if let deleted = retained(query) {
            entries.append(.deleted(name, deleted))
        } else if query.includesUncommitted, staged != nil {
            entries.append(.uncommitted(name))
        }
        return entries
    }
}
