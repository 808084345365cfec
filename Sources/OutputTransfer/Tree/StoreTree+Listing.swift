internal import Synchronization

/// What `ls` and `find` show.
extension StoreTree {
    /// A directory with what is in it, or, without a path, files that were named themselves.
    package struct ListedDirectory: Sendable {
        package let path: String?
        package let entries: [Entry]
    }

    /// Each directory that fits, sorted by path, and before them the files.
    package func directories(
        of patterns: [TreePattern]
    ) async throws -> (listed: [ListedDirectory], unmatched: [TreePattern]) {
        let listed = Mutex<[ListedDirectory]>([])
        let files = Mutex<[Entry]>([])
        var unmatched: [TreePattern] = []
        for pattern in patterns {
            let count = try await matchesIfAny(pattern) { match in
                let path = match.path.joined(separator: "/")
                switch match.found {
                case .file(let file): files.withLock { $0.append(Entry(name: path, file: file)) }
                case .directory(let place):
                    let entries = try await entries(of: place)
                    listed.withLock { $0.append(ListedDirectory(path: path, entries: entries)) }
                }
            }
            if count == 0 { unmatched.append(pattern) }
        }
        let directories = listed.withLock { $0 }.sorted { ($0.path ?? "") < ($1.path ?? "") }
        let named = files.withLock { $0 }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return ((named.isEmpty ? [] : [ListedDirectory(path: nil, entries: named)]) + directories, unmatched)
    }

    /// Gives all files at and below what fits to `body`, one after the other.
    package func files(
        of patterns: [TreePattern],
        _ body: @escaping @Sendable (_ path: [String], TreeFile) throws -> Void
    ) async throws -> [TreePattern] {
        let turn = Mutex(())
        let give: @Sendable ([String], TreeFile) throws -> Void = { path, file in
            guard !file.isDirectory else { return }
            try turn.withLock { _ in try body(path, file) }
        }
        var unmatched: [TreePattern] = []
        for pattern in patterns {
            let count = try await matchesIfAny(pattern) { match in
                switch match.found {
                case .file(let file): try give(match.path, file)
                case .directory(let place):
                    try await walk(place) { file in
                        try Task.checkCancellation()
                        try give(match.path + file.path, file)
                    }
                }
            }
            if count == 0 { unmatched.append(pattern) }
        }
        return unmatched
    }
}

extension StoreTree {
    /// As `matches`; a plain path that is not there fits nothing. Who names several wants to see the others.
    func matchesIfAny(
        _ pattern: TreePattern,
        _ body: @escaping @Sendable (Match) async throws -> Void
    ) async throws -> Int {
        do { return try await matches(pattern, body) } catch let error as TreeError where error.reason == .notFound {
            return 0
        }
    }
}

extension TreePattern {
    /// Whether one name fits this pattern, taken for one of names.
    package func fitsName(_ name: String) -> Bool {
        base.isEmpty ? fits([name]) : rest.isEmpty && base.count == 1 && base[0].utf8.elementsEqual(name.utf8)
    }
}
