internal import OutputConventions

/// What a path with wildcards leads to.
extension StoreTree {
    /// One place that a pattern leads to.
    package struct Match: Sendable {
        /// From the root.
        package let path: [String]
        /// How many names of the path stand before the first wildcard, or before the last name where there is none.
        package let baseCount: Int
        package let found: Found
    }

    /// Gives each match to `body`, perhaps several at a time, in no order.
    ///
    /// - Returns: how many there were. A plain path that is not there throws; a pattern that nothing fits is 0.
    package func matches(
        _ pattern: TreePattern,
        _ body: @escaping @Sendable (Match) async throws -> Void
    ) async throws -> Int {
        let found = try await find(pattern.base)
        guard !pattern.rest.isEmpty else {
            let baseCount = if case .file = found { pattern.base.count - 1 } else { pattern.base.count }
            try await body(Match(path: pattern.base, baseCount: baseCount, found: found))
            return 1
        }
        guard case .directory(let place) = found else { return 0 }
        let count = SharedCount()
        let counted: @Sendable (Match) async throws -> Void = { match in
            count.add()
            try await body(match)
        }
        if pattern.hasAnyDepth {
            // Only files: a folder that fits would bring them a second time.
            try await walk(place) { file in
                guard !file.isDirectory, pattern.fits(file.path) else { return }
                let path = pattern.base + file.path
                try await counted(Match(path: path, baseCount: pattern.base.count, found: .file(file)))
            }
        } else {
            try await match(pattern, pattern.rest[...], place, pattern.base, counted)
        }
        return count.value
    }

    /// Level by level: `tasks/*/TaskLog` does not look into what else the tasks left.
    private func match(
        _ pattern: TreePattern,
        _ parts: ArraySlice<TreePattern.Part>,
        _ place: TreePlace,
        _ path: [String],
        _ body: @escaping @Sendable (Match) async throws -> Void
    ) async throws {
        guard let part = parts.first else { return }
        let rest = parts.dropFirst()
        if case .name(let name) = part {
            do {
                try await step(pattern, rest, path + [name], try await find(path + [name]), body)
            } catch let error as TreeError {
                // Not in this folder, but perhaps in the next one.
                if error.reason != .notFound { throw error }
            }
            return
        }
        guard case .pattern(let names) = part else { return }
        let entries = try await entries(of: place).filter { names.matches($0.name) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            var count = 0
            for entry in entries {
                let found: Found
                if let file = entry.file {
                    found = .file(file)
                } else if let directory = entry.directory {
                    found = .directory(directory)
                } else {
                    continue
                }
                if count == Self.listingsMax { try await group.next() } else { count += 1 }
                group.addTask { try await step(pattern, rest, path + [entry.name], found, body) }
            }
            try await group.waitForAll()
        }
    }

    private func step(
        _ pattern: TreePattern,
        _ rest: ArraySlice<TreePattern.Part>,
        _ path: [String],
        _ found: Found,
        _ body: @escaping @Sendable (Match) async throws -> Void
    ) async throws {
        if rest.isEmpty {
            try await body(Match(path: path, baseCount: pattern.base.count, found: found))
        } else if case .directory(let place) = found {
            try await match(pattern, rest, place, path, body)
        }
    }
}

extension TreePattern {
    var hasAnyDepth: Bool { rest.contains { if case .anyDepth = $0 { true } else { false } } }
}
