internal import BlobStorage

/// Gives files to somebody who wants their bytes in order: a few ranges are on their way while one is handed over.
package struct FileText: Sendable {
    private let tree: StoreTree

    package init(tree: StoreTree) { self.tree = tree }

    /// Ranges in flight: 32 MiB, which fills 100 MiB/s at 300 ms.
    private static let aheadMax = 8

    /// One file after the other, those of a pattern in the order of their names.
    ///
    /// - Returns: the patterns that no file fits.
    package func write(
        _ patterns: [TreePattern],
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) async -> Void
    ) async throws -> [TreePattern] {
        var unmatched: [TreePattern] = []
        for pattern in patterns {
            let found = FoundFiles()
            _ = try await tree.matchesIfAny(pattern) { match in
                switch match.found {
                case .file(let file): found.add(match.path, file)
                case .directory:
                    // A pattern that fits folders, too, means the files.
                    if pattern.rest.isEmpty { throw TreeError(match.path, .isDirectory) }
                }
            }
            let files = found.sorted
            if files.isEmpty { unmatched.append(pattern) }
            for file in files { try await write(file, to: sink) }
        }
        return unmatched
    }

    private func write(
        _ file: TreeFile,
        to sink: @escaping @Sendable (UnsafeRawBufferPointer) async -> Void
    ) async throws {
        let (properties, address, store) = (file.properties, file.address, tree.store)
        let condition: VersionCondition = properties.type == .append ? .any : .matches(properties.version.etag)
        var running: [Task<RangeBuffer, any Error>] = []
        defer { for task in running { task.cancel() } }
        var (asked, given): (UInt64, UInt64) = (0, 0)
        while given < properties.length {
            try Task.checkCancellation()
            while asked < properties.length, running.count < Self.aheadMax {
                let range = asked..<min(asked + FileDownload.rangeByteCount, properties.length)
                running.append(
                    Task {
                        let buffer = RangeBuffer(byteCount: range.count)
                        let result = try await store.read(address, range, condition, into: buffer)
                        guard result.byteCount == range.count else { throw DownloadProblem.shorter(address) }
                        return buffer
                    }
                )
                asked = range.upperBound
            }
            let buffer = try await withTaskCancellationHandler { [first = running[0]] in
                try await first.value
            } onCancel: { [running] in
                for task in running { task.cancel() }
            }
            running.removeFirst()
            let count = min(FileDownload.rangeByteCount, properties.length - given)
            await sink(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<Int(count)]))
            given += count
        }
    }
}
