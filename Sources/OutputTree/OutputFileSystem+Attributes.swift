import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import LocalStore

extension OutputFileSystem {
    package func getattr(_ request: consuming Request<AttributesAnswer>, _ node: NodeID, handle: HandleID?) {
        let known = nodes.known(node)
        if let answer = known.flatMap(answerFromMemory) {
            request.succeed(answer)
        } else if known != nil, let file = nodes.file(node) {
            request.later { [self] () async throws(FileSystemError) in
                try await refresh(file)
                return AttributesAnswer(attributes(of: file), validity: validity(of: file))
            }
        } else {
            request.fail(FileSystemError(errno: ESTALE, "the kernel asks for a node that it has forgotten"))
        }
    }

    /// `nil` when the store has to be asked.
    private func answerFromMemory(_ node: KnownNode) -> AttributesAnswer? {
        switch node {
        case .directory(let directory):
            return AttributesAnswer(attributes(of: directory), validity: options.attributeValidity)
        case .selfLink: return AttributesAnswer(selfAttributes(), validity: .seconds(3600))
        case .file(.dormant(_, let inode, let facts, let learnedAt, _)):
            let validity = validity(since: learnedAt)
            guard validity > .zero else { return nil }
            return AttributesAnswer(facts.attributes(inode: inode, options: options), validity: validity)
        case .file(.node(let file)):
            guard isFresh(file) else { return nil }
            return AttributesAnswer(attributes(of: file), validity: validity(of: file))
        }
    }

    /// Whether stat can be answered without a request: changed here, learned within the validity, or pinned by a handle
    /// (a block blob's version never changes; an append blob's grows), or of a confirmed upload.
    func isFresh(_ node: FileNode) -> Bool {
        let since = clock.monotonic() - options.attributeValidity
        let isFresh = node.withState { file in
            if file.hasUnsentContent || file.isUnlinked { return true }
            // Others may append to a log that is open for writing here.
            if let local = file.local, !local.isLog { return true }
            if file.learnedAt >= since { return true }
            return file.openCount > 0 && file.facts?.type != .append
        }
        return isFresh || isSettled(node)
    }

    func refresh(_ node: FileNode) async throws(FileSystemError) {
        let address = node.address
        await renewConfirmation(of: address)
        let startedAt = clock.monotonic()
        let facts: FileFacts
        do throws(StorageError) { facts = try await store.facts(of: address) } catch {
            // A token that only writes cannot ask: what is known has to do.
            if error.kind == .denied { return }
            if error.kind == .notFound { noteAbsence(of: node, since: startedAt) }
            throw failure(error, "getattr", address.description, pinned: true)
        }
        let relation = node.withState { $0.observe(facts, startedAt: startedAt) }
        if relation == .grown { await followGrowth(of: node) }
        if relation == .replaced { throw replaced(address, by: facts, startedAt: startedAt) }
    }

    package func setattr(
        _ request: consuming Request<AttributesAnswer>,
        _ node: NodeID,
        _ changes: AttributeChanges,
        handle: HandleID?
    ) {
        do throws(FileSystemError) {
            try requireWritable()
            switch nodes[node] {
            case .file(let file):
                try requireBlob(file.address)
                let isOpenForWriting = handle.flatMap { handles.file($0) }?.flags.allowsWriting ?? false
                request.later { [self] () async throws(FileSystemError) in
                    try await requireUnconfirmed(file.address, "setattr")
                    try await apply(changes, to: file, isOpenForWriting: isOpenForWriting)
                    return AttributesAnswer(attributes(of: file), validity: validity(of: file))
                }
            case .directory(let directory):
                request.later { [self] () async throws(FileSystemError) in
                    if let contents = directory.place.contents { try await requireUnconfirmed(contents, "setattr") }
                    try await apply(changes, to: directory)
                    return AttributesAnswer(attributes(of: directory), validity: options.attributeValidity)
                }
            case .selfLink: throw FileSystemError(errno: EPERM, "self belongs to the mount")
            case nil: throw FileSystemError(errno: ESTALE, "the kernel asks for a node that it has forgotten")
            }
        } catch { request.fail(error) }
    }

    private func apply(
        _ changes: AttributeChanges,
        to node: FileNode,
        isOpenForWriting: Bool
    ) async throws(FileSystemError) {
        try await node.changes.withLock { () async throws(FileSystemError) in
            if node.withState({ $0.isDetached }) { throw detach(node) }
            if let size = changes.size { try await truncate(node, to: size) }
            note(changes, for: node)
            // With bytes on their way the attributes ride with them. truncate(2) has no close to report at: it commits.
            let rides = node.withState { $0.hasUnsentContent }
            if !rides {
                try await commitAttributes(node)
            } else if changes.size != nil, !isOpenForWriting {
                do throws(FileSystemError) { try await commitLocked(node, placesUntouched: true) } catch {
                    undoTruncation(of: node)
                    throw error
                }
                node.withState { $0.expectsChange = $0.writerCount > 0 }
                settle(node)
            } else {
                try await keepAttributes(of: node)
            }
        }
    }

    /// Attributes that ride on bytes are promised as these are: with a file that waits to be sent they are in the journal,
    /// of one that is open for writing its close tells, and one that nobody will close is sent now. For callers that hold
    /// the node's lock.
    func keepAttributes(of node: FileNode) async throws(FileSystemError) {
        let (local, headers, isOpen) = node.withState { ($0.local, $0.headers(options: options), $0.writerCount > 0) }
        guard let local else { return }
        do throws(LocalStoreError) {
            if try await local.noteHeaders(headers) || isOpen { return }
            if options.durability == .journal { return try await local.persist(headers) }
        } catch { throw FileSystemError(error) }
        try await commitLocked(node, placesUntouched: true)
        settle(node)
    }

    /// truncate(2) said that it failed: nothing of it may be published later. Where somebody has the file open, the
    /// change is theirs to see and to close.
    private func undoTruncation(of node: FileNode) {
        let local = node.withState { file -> DirtyFile? in
            guard file.openCount == 0, file.facts != nil else { return nil }
            file.isPlacementPending = false
            file.expectsChange = false
            file.pending = PendingAttributes()
            return file.local.take()
        }
        guard let local else { return }
        local.discard()
        // The name means what the store has, as before.
        notePresence(of: node)
        settle(node)
    }

    private func note(_ changes: AttributeChanges, for node: FileNode) {
        let now = clock.wall()
        node.withState { file in
            if let permissions = changes.permissions { file.pending.permissions = permissions & 0o1777 }
            if let user = changes.userID { file.pending.userID = user }
            if let group = changes.groupID { file.pending.groupID = group }
            switch changes.modificationTime {
            case .now:
                file.pending.modificationTime = now
                file.pending.hasExplicitTime = true
            case .at(let time):
                file.pending.modificationTime = time
                file.pending.hasExplicitTime = true
            case nil: break
            }
        }
    }

    private func truncate(_ node: FileNode, to size: UInt64) async throws(FileSystemError) {
        guard try await preparedContent(of: node).size != size else { return }
        try await whenWritable(node) { (local) throws(FileSystemError) in
            do throws(LocalStoreError) { return try local.truncate(to: size) } catch { throw FileSystemError(error) }
        }
        noteWrite(node)
    }

    /// Learns all about the version that a change builds on.
    func pinForChange(_ node: FileNode) async throws(FileSystemError) {
        let address = node.address
        let startedAt = clock.monotonic()
        let properties: BlobProperties
        do throws(StorageError) { properties = try await store.properties(of: address) } catch {
            if error.kind == .notFound { noteAbsence(of: node, since: startedAt) }
            throw failure(error, "setattr", address.description, pinned: true)
        }
        guard adopt(properties, by: node, startedAt: startedAt) == .replaced else { return }
        throw replaced(address, by: FileFacts(properties), startedAt: startedAt)
    }

    /// The kernel answers ESTALE by looking the name up afresh and asking again: by then the name has to mean the
    /// new version, whatever was known of it before.
    func replaced(_ address: BlobAddress, by facts: FileFacts, startedAt: Duration) -> FileSystemError {
        unsettle(address)
        // The node that stood for the old version is known by its id only from here on.
        let node = nodes.lookUpNode(file: address, facts: facts, startedAt: startedAt)
        changes.record(file: address, .present(node), at: clock.monotonic())
        nodes.forget(node.id, count: 1)
        return FileSystemError(errno: ESTALE, "\(address) was replaced since it was looked up")
    }

    /// Somebody elsewhere removed the blob. As above: the lookup that follows ESTALE has to find nothing.
    func noteAbsence(of node: FileNode, since startedAt: Duration) {
        guard !node.hasUnsentContent, nodes.liveFile(at: node.address) === node else { return }
        nodes.detach(node)
        changes.record(file: node.address, .absent, at: startedAt)
    }

    /// Owner, mode, times and user attributes of a file whose bytes are in the store: Set Blob Metadata, with the
    /// version that was read, so that nobody's change is lost.
    func commitAttributes(_ node: FileNode) async throws(FileSystemError) {
        guard node.withState({ !$0.pending.isEmpty && !$0.isUnlinked && $0.facts != nil }) else { return }
        var triesLeft = 3
        while true {
            if node.withState({ $0.properties == nil }) { try await pinForChange(node) }
            let work = node.withState { file -> (BlobAddress, BlobMetadata, ETag, PendingAttributes)? in
                guard let properties = file.properties else { return nil }
                return (file.address, file.metadata(options: options), properties.version.etag, file.pending)
            }
            guard let (address, metadata, etag, pending) = work else { return }
            do throws(StorageError) {
                let version = try await store.setMetadata(metadata, of: address, condition: .matches(etag))
                let now = clock.monotonic()
                renameLocalCopy(of: node, to: address, version.etag)
                node.withState { file in
                    guard var properties = file.properties else { return }
                    let oldVersion = properties.version.etag
                    properties.version = version
                    properties.metadata = metadata
                    file.properties = properties
                    var facts = FileFacts(properties)
                    // The answer does not say; an append blob keeps its creation time.
                    facts.creationTime = file.facts?.creationTime
                    file.facts = facts
                    file.learnedAt = now
                    if file.local?.isCopy != true { file.reader?.adopt(version.etag) }
                    file.local?.move(to: address, version: version)
                    if file.pageCacheVersion == oldVersion { file.pageCacheVersion = version.etag }
                    if file.pending == pending { file.pending = PendingAttributes() }
                }
                changes.record(file: address, .present(node), at: now)
                return
            } catch {
                triesLeft -= 1
                // Somebody changed metadata in between, or an append came: look again and lay ours over it.
                if error.kind == .conditionFailed, triesLeft > 0 {
                    node.withState { $0.properties = nil }
                    continue
                }
                node.withState { $0.pending = PendingAttributes() }
                throw failure(error, "setattr", address.description, pinned: true)
            }
        }
    }

    private func apply(_ changes: AttributeChanges, to node: DirectoryNode) async throws(FileSystemError) {
        guard let marker = node.place.markerBlob else {
            try requireTimesOnly(changes, "this directory belongs to the tree: mount with other owner and modes")
            return
        }
        var pending = PendingAttributes()
        if let permissions = changes.permissions { pending.permissions = permissions & 0o1777 }
        pending.userID = changes.userID
        pending.groupID = changes.groupID
        switch changes.modificationTime {
        case .now: pending.modificationTime = clock.wall()
        case .at(let time): pending.modificationTime = time
        case nil: break
        }
        let updated: BlobProperties?
        do throws(StorageError) {
            updated = try await store.updateMarker(marker) { metadata in
                pending.apply(to: &metadata, kind: .directory, options: options)
            }
        } catch { throw failure(error, "setattr", marker.description) }
        guard let updated else {
            try requireTimesOnly(
                changes,
                "\(marker) is a file: there is no blob to keep the directory's mode and owner"
            )
            return
        }
        let (facts, now) = (FileFacts(updated), clock.monotonic())
        node.withState { $0.facts = facts }
        // A listing that began before this would take it back.
        self.changes.record(folder: marker, .present(LocalChanges.Marker(facts: facts, storedAt: now)), at: now)
    }

    /// For a directory that has nowhere to keep attributes: times of directories are nobody's promise, the rest is EPERM.
    private func requireTimesOnly(_ changes: AttributeChanges, _ reason: String) throws(FileSystemError) {
        guard changes.permissions != nil || changes.userID != nil || changes.groupID != nil else { return }
        throw FileSystemError(errno: EPERM, reason)
    }

    package func statfs(_ request: consuming Request<FileSystemStatistics>, _ node: NodeID) {
        // The store has no quota of its own: 8 EiB in blocks of 4 KiB, large and constant.
        let blocks: UInt64 = 1 << 51
        request.succeed(
            FileSystemStatistics(
                blockSize: 4096,
                blocks: blocks,
                freeBlocks: blocks,
                files: 1 << 40,
                freeFiles: 1 << 40,
                nameLengthMax: 255
            )
        )
    }

    package func lseek(
        _ request: consuming Request<FileOffset>,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        whence: SeekWhence
    ) {
        do throws(FileSystemError) {
            let size = try fileHandle(handle).node.withState { $0.size }
            guard offset < size else { throw FileSystemError(errno: ENXIO, "behind the end") }
            // A blob is all data: its one hole begins at its end.
            request.succeed(FileOffset(Int64(whence == .data ? offset : size)))
        } catch { request.fail(error) }
    }
}

extension BlobStore {
    /// Changes the metadata of the blob that marks a directory, and makes it if there is none; `nil`, and nothing done,
    /// if a file has its name.
    func updateMarker(
        _ marker: BlobAddress,
        _ change: (inout BlobMetadata) -> Void
    ) async throws(StorageError) -> BlobProperties? {
        do throws(StorageError) {
            var properties = try await properties(of: marker)
            guard FileFacts(properties).isDirectoryMarker else { return nil }
            change(&properties.metadata)
            properties.metadata["hdi_isfolder"] = "true"
            properties.version = try await setMetadata(
                properties.metadata,
                of: marker,
                condition: .matches(properties.version.etag)
            )
            return properties
        } catch {
            guard error.kind == .notFound else { throw error }
            var metadata: BlobMetadata = ["hdi_isfolder": "true"]
            change(&metadata)
            if case .hierarchical = namespace(of: marker.container) {
                let version = try await makeDirectory(marker, metadata: metadata)
                return BlobProperties(version: version, length: 0, metadata: metadata)
            }
            let version = try await putBlob(
                marker,
                .empty,
                headers: BlobHeaders(metadata: metadata),
                condition: .absent
            )
            return BlobProperties(version: version, length: 0, metadata: metadata)
        }
    }
}
