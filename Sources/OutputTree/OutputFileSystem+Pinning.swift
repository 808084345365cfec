import BlobReading
import BlobStorage
import FileSystemModel
import Glibc
import OutputConventions

/// Which version of a file an open reads: asked of the store each time, and with the answer its first bytes where nothing
/// of them is here.
extension OutputFileSystem {
    /// Asks the store once which version there is, and has the handle read that one to its end.
    ///
    /// A version that somebody else put there is another node: ESTALE makes the kernel look the name up again.
    ///
    /// - Returns: whether the first bytes came from the store just now, and are in memory.
    func pinVersion(_ node: FileNode, _ flags: OpenFlags) async throws(FileSystemError) -> Bool {
        // Held to the end: the version's file on disk is looked for once.
        let known = node.withState { $0.readerOfUnseen(flags, cache) }
        defer { withExtendedLifetime(known) {} }
        guard let known, await !known.holdsFirstBytes() else {
            if await !isSettled(node, flags) { try await pinByProperties(node, flags) }
            return false
        }
        let (first, isOurs) = node.withState { file in
            if let first = file.firstRead { return (first, false) }
            let first = SharedWork { [self] () async throws(FileSystemError) in
                defer { node.withState { $0.firstRead = nil } }
                return try await pinByFirstBytes(node, expectedLength: known.length)
            }
            file.firstRead = first
            return (first, true)
        }
        guard isOurs else {
            // That answer may be older than this open: only its bytes are waited for, not to be fetched twice.
            try await pinByProperties(node, flags)
            if first.join() { _ = try? await first.value() }
            if Task.isCancelled { throw FileSystemError(errno: EINTR, "interrupted") }
            return true
        }
        _ = first.join()
        if try await first.value() { return true }
        try await pinByProperties(node, flags)
        return false
    }

    /// By a HEAD.
    private func pinByProperties(_ node: FileNode, _ flags: OpenFlags) async throws(FileSystemError) {
        let address = node.address
        let startedAt = clock.monotonic()
        let properties: BlobProperties
        do throws(StorageError) { properties = try await store.properties(of: address) } catch {
            // A token that only writes cannot ask, and need not: it replaces.
            if error.kind == .denied, flags.access == .writeOnly { return }
            throw openFailure(error, node, startedAt: startedAt)
        }
        try refuseArchived(properties, flags, address)
        let relation = adopt(properties, by: node, startedAt: startedAt)
        if relation == .grown { await followGrowth(of: node) }
        if relation == .replaced { throw replaced(address, by: FileFacts(properties), startedAt: startedAt) }
    }

    /// By a GET of the first bytes, which are in the cache then. False where a HEAD has to tell what became of the file.
    private func pinByFirstBytes(_ node: FileNode, expectedLength: UInt64) async throws(FileSystemError) -> Bool {
        let address = node.address
        let startedAt = clock.monotonic()
        let first: FirstBytes?
        do throws(StorageError) {
            first = try await cache.firstBytes(of: address, expectedLength: expectedLength)
        } catch {
            if error.concernsBytesOnly { return false }
            throw openFailure(error, node, startedAt: startedAt)
        }
        guard let first else { return false }
        let relation = adopt(first.properties, by: node, startedAt: startedAt)
        // Also those of another version: the open that follows at once finds them.
        first.keep()
        guard relation == .replaced else { return true }
        throw replaced(address, by: FileFacts(first.properties), startedAt: startedAt)
    }

    private func openFailure(_ error: StorageError, _ node: FileNode, startedAt: Duration) -> FileSystemError {
        if error.kind == .notFound { noteAbsence(of: node, since: startedAt) }
        return failure(error, "open", node.address.description, pinned: true)
    }

    func refuseArchived(
        _ properties: BlobProperties,
        _ flags: OpenFlags,
        _ address: BlobAddress
    ) throws(FileSystemError) {
        guard properties.isArchived, flags.allowsReading else { return }
        let remedy =
            properties.archiveStatus.map { "it is being rehydrated (\($0)): wait until it is" }
            ?? "set its tier to Hot, Cool or Cold and wait until it is rehydrated"
        let error = FileSystemError(errno: EREMOTE, "\(address) is in the archive tier; \(remedy)")
        report(error, "open", address.description)
        throw error
    }

    /// Takes the store's answer over into the node, with the reader of that version.
    @discardableResult
    func adopt(_ properties: BlobProperties, by node: FileNode, startedAt: Duration) -> VersionRelation {
        node.withState { file -> VersionRelation in
            let facts = FileFacts(properties)
            guard file.facts != nil else { return .same }
            let relation = file.observe(facts, startedAt: startedAt)
            guard relation != .replaced, file.facts?.etag == facts.etag else { return relation }
            file.properties = properties
            if file.reader == nil {
                file.reader = BlobReader(cache: cache, blob: file.address, properties: properties)
            }
            return relation
        }
    }
}

extension StorageError {
    /// Whether the file may be open all the same, and a HEAD says more: of one in the archive tier, how it stands; of bytes
    /// that do not come right, that only reading them fails.
    fileprivate var concernsBytesOnly: Bool {
        switch kind {
        case .archived, .conditionFailed, .conflict, .corrupted, .invalid, .tooLarge, .unexpected: true
        default: false
        }
    }
}

extension FileState {
    /// A reader of the version that is known, for an open that may bring its first bytes along; `nil` where it is to ask
    /// for the version only, since nobody will read them, or has them already.
    fileprivate func readerOfUnseen(_ flags: OpenFlags, _ cache: BlockCache) -> BlobReader? {
        guard flags.allowsReading, let facts, facts.length > 0, !facts.isArchived, local == nil else { return nil }
        // The kernel's page cache was filled from this version, as far as anybody read it.
        if pageCacheVersion == facts.etag, !flags.isDirect { return nil }
        return reader ?? BlobReader(cache: cache, blob: address, properties: facts.version)
    }
}
