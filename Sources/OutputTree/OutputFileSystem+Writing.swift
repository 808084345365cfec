import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import LocalStore
import Logging

extension OutputFileSystem {
    package func write(
        _ request: consuming Request<ByteCount>,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        flags: WriteFlags
    ) {
        do throws(FileSystemError) {
            let file = try fileHandle(handle).node
            if let local = try localContent(of: file), try apply(bytes, to: local, at: offset, flags) == .done {
                noteWrite(file)
                request.succeed(ByteCount(bytes.count))
                return
            }
            // A commit holds the file, or its version has to be asked for: the bytes are only lent, so they are copied.
            let copy = [UInt8](bytes)
            request.later { [self] () async throws(FileSystemError) in
                let start = flags.appends ? UInt64.max : offset
                try await whenWritable(file, at: start) { (local) throws(FileSystemError) in
                    try copy.withUnsafeBytesTyped { (bytes) throws(FileSystemError) in
                        try apply(bytes, to: local, at: offset, flags)
                    }
                }
                noteWrite(file)
                return ByteCount(copy.count)
            }
        } catch { request.fail(error) }
    }

    package func fallocate(
        _ request: consuming Request<Done>,
        _ node: NodeID,
        handle: HandleID,
        mode: FallocateMode,
        offset: UInt64,
        length: UInt64
    ) {
        do throws(FileSystemError) {
            let file = try fileHandle(handle).node
            let change = ContentChange(mode: mode, offset: offset, length: length)
            request.later { [self] () async throws(FileSystemError) in
                var isChanged = false
                try await whenWritable(file) { (local) throws(FileSystemError) in
                    let count = local.changeCount
                    defer { isChanged = local.changeCount != count }
                    return try change.apply(to: local)
                }
                // Room that is asked for (FALLOC_FL_KEEP_SIZE) is no content: nothing in the journal would answer for it.
                if isChanged { noteWrite(file) }
                return Done()
            }
        } catch { request.fail(error) }
    }

    package func flush(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        commitForCaller(request, handle: handle, placesUntouched: false)
    }

    package func fsync(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID, dataOnly: Bool) {
        commitForCaller(request, handle: handle, placesUntouched: true)
    }

    /// close and fsync: 0 only when the blob is there with exactly these bytes.
    private func commitForCaller(_ request: consuming Request<Done>, handle: HandleID, placesUntouched: Bool) {
        let file: FileHandle
        do throws(FileSystemError) { file = try fileHandle(handle) } catch {
            request.fail(error)
            return
        }
        // close(2) of a reader has nothing to report; fsync(2) of one covers what others wrote (`sync FILE` reads).
        let isAsked = file.flags.allowsWriting || placesUntouched
        guard isAsked, file.node.withState({ $0.needsCommit(placesUntouched: placesUntouched) }) else {
            let failure = file.node.withState { $0.isOvertaken && file.flags.allowsWriting ? $0.lastFailure : nil }
            if let failure { request.fail(failure) } else { request.succeed(Done()) }
            return
        }
        // Who is interrupted stops waiting, with EINTR; the commit goes on, for a request that was cancelled half way
        // may have landed or not, and the bytes are wanted anyway.
        let work = SharedWork(outlivesWaiters: true) { [self] () async throws(FileSystemError) in
            if options.durability == .journal {
                try await persist(file.node)
            } else {
                try await commit(file.node, placesUntouched: placesUntouched)
            }
            return Done()
        }
        _ = work.join()
        request.later { () async throws(FileSystemError) in try await work.value() }
    }

    /// With `--durability journal`: the bytes, and that they are wanted, are on this machine's disk; the upload follows.
    private func persist(_ node: FileNode) async throws(FileSystemError) {
        let (local, headers) = node.withState { ($0.hasUnsentContent ? $0.local : nil, $0.headers(options: options)) }
        if let local {
            do throws(LocalStoreError) { try await local.persist(headers) } catch { throw FileSystemError(error) }
        }
        // Attributes alone have no journal: they are sent now.
        guard local != nil else {
            try await commit(node, placesUntouched: true)
            return
        }
        commitInBackground(node)
    }

    // MARK: The local bytes

    /// As `localContent`, after asking the store which version a change builds on where that is not known.
    func preparedContent(of node: FileNode) async throws(FileSystemError) -> DirtyFile {
        while true {
            if let local = try localContent(of: node) { return local }
            try await pinForChange(node)
        }
    }

    /// The file's local content, made at the first change; it builds on the version that is open. `nil` when there is a
    /// version and not all is known of it: an unknown base must never pass for an empty one.
    private func localContent(of node: FileNode) throws(FileSystemError) -> DirtyFile? {
        enum Choice { case here(DirtyFile), make(BlobAddress, BlobProperties?), unknown, backed }
        let choice: Choice = node.withState { file in
            if let local = file.local { return .here(local) }
            if file.backedCount > 0 { return .backed }
            file.expectsChange = true
            return file.facts != nil && file.properties == nil ? .unknown : .make(file.address, file.properties)
        }
        switch choice {
        case .unknown: return nil
        case .backed: throw detach(node)
        case .here(let local): return local
        case .make(let address, let properties):
            do throws(LocalStoreError) {
                let known: KnownName = properties == nil ? .absent : .unknown
                let log = properties == nil ? logStart(of: address, truncates: false) : nil
                let made = try DirtyFile(scheduler: uploads, blob: address, base: properties, known: known, log: log)
                let kept = node.withState { file -> DirtyFile in
                    // Two first writes may meet here; one of them makes the file.
                    if let local = file.local { return local }
                    file.local = made
                    return made
                }
                if kept !== made { made.discard() }
                unsent.insert(node)
                return kept
            } catch { throw FileSystemError(error) }
        }
    }

    private func apply(
        _ bytes: UnsafeRawBufferPointer,
        to local: DirtyFile,
        at offset: UInt64,
        _ flags: WriteFlags
    ) throws(FileSystemError) -> WriteOutcome {
        let appends = flags.appends && !flags.isFromPageCache
        if appends, flags.isRepeated, try wasAppended(bytes, to: local, at: offset) { return .done }
        let position = appends ? local.size : offset
        do throws(LocalStoreError) { return try local.write(bytes, at: position) } catch {
            throw FileSystemError(error)
        }
    }

    /// Tries until no commit holds the file. The content may be another one at each try: O_TRUNC puts a new one there.
    /// `offset`: where a write is to begin.
    func whenWritable(
        _ node: FileNode,
        at offset: UInt64 = 0,
        _ body: (DirtyFile) throws(FileSystemError) -> WriteOutcome
    ) async throws(FileSystemError) {
        while true {
            let local = try await preparedContent(of: node)
            guard try body(local) == .busy else { return }
            await local.waitUntilWritable(at: offset)
            if Task.isCancelled { throw FileSystemError(errno: EINTR, "interrupted while a commit held the file") }
        }
    }

    func noteWrite(_ node: FileNode) {
        let now = clock.wall()
        let (isFirst, mustSchedule) = node.withState { file -> (Bool, Bool) in
            file.pending.modificationTime = now
            file.pending.hasExplicitTime = false
            defer { file.hasWrites = true }
            return (!file.hasWrites, file.mustScheduleFlush(options))
        }
        if mustSchedule { scheduleFlush(of: node) }
        guard isFirst else { return }
        unsent.insert(node)
        notePresence(of: node)
    }

    /// The file's name means this file now, whatever a listing says; unless it was unlinked, and has no name.
    func notePresence(of node: FileNode) {
        let (address, isUnlinked) = node.withState { ($0.address, $0.isUnlinked) }
        if !isUnlinked { changes.record(file: address, .present(node), at: clock.monotonic()) }
    }

    // MARK: Commit

    /// Makes the store hold what this mount has of the file: bytes, owner, mode, times and user attributes.
    func commit(_ node: FileNode, placesUntouched: Bool) async throws(FileSystemError) {
        try await node.changes.withLock { () async throws(FileSystemError) in
            try await commitLocked(node, placesUntouched: placesUntouched)
        }
    }

    /// For callers that hold the node's lock.
    func commitLocked(
        _ node: FileNode,
        placesUntouched: Bool,
        triesLeft: Int = 2
    ) async throws(FileSystemError) {
        struct Work {
            var local: DirtyFile
            var headers: BlobHeaders
            var condition: VersionCondition
            var mayReplace: Bool
            var pending: PendingAttributes
            var address: BlobAddress
        }
        if try await confirmRecovery(of: node) { return }
        await learnHeaders(of: node)
        let holder = holderVersion(of: node)
        let work = node.withState { file -> Work? in
            guard file.needsCommit(placesUntouched: placesUntouched), let local = file.local else { return nil }
            return Work(
                local: local,
                headers: file.headers(options: options),
                condition: file.recovery?.condition ?? (file.mustBeNew ? .absent : file.condition(local, holder)),
                mayReplace: file.mayReplaceAny(local, options),
                pending: file.pending,
                address: file.address
            )
        }
        guard let work else {
            try await commitAttributes(node)
            return
        }
        let committed: CommittedFile
        do throws(CommitError) {
            committed = try await commit(
                work.local,
                to: work.address,
                work.headers,
                work.condition,
                mayReplace: work.mayReplace
            )
        } catch {
            if triesLeft > 0, await onlyMetadataChanged(error, node) {
                try await commitLocked(node, placesUntouched: placesUntouched, triesLeft: triesLeft - 1)
                return
            }
            if triesLeft > 0, mayConflict(error, node, work.pending) {
                try await commitLocked(node, placesUntouched: placesUntouched, triesLeft: triesLeft - 1)
                return
            }
            let isRecovered = node.withState { $0.recovery != nil }
            // Of a recovered file somebody was faster since it was asked about: it is asked about again.
            if isRecovered, triesLeft > 0, case .storage(let refusal) = error, refusal.isOvertaken {
                try await commitLocked(node, placesUntouched: placesUntouched, triesLeft: triesLeft - 1)
                return
            }
            let answer = commitFailure(error, work.address, mustBeNew: work.condition == .absent)
            noteFailure(answer, of: node)
            // It may have landed all the same, without an answer: who removes the name removes that, too.
            node.withState { $0.coversStoredBlob = true }
            if answer.errno == EEXIST {
                // close may have said already that these bytes are safe.
                if isRecovered || options.durability == .journal {
                    await giveUp(node, work.local, "somebody else made it first")
                } else {
                    giveUpName(of: node)
                }
            }
            throw answer
        }
        let now = clock.monotonic()
        node.withState { file in
            var properties = BlobProperties(
                version: committed.version,
                length: committed.size,
                type: committed.type,
                creationTime: committed.creationTime
            )
            properties.contentType = work.headers.contentType
            properties.contentLanguage = work.headers.contentLanguage
            properties.contentDisposition = work.headers.contentDisposition
            properties.cacheControl = work.headers.cacheControl
            properties.contentMD5 = committed.contentMD5
            properties.metadata = work.headers.metadata
            // What of a log is not here, others wrote.
            if committed.type == .append, file.reader != nil || !work.local.isWhole {
                file.readBase(of: properties, cache)
            } else {
                // What is not here is in the new version, too.
                file.reader =
                    file.local?.needsBase == true
                    ? BlobReader(cache: cache, blob: work.address, properties: properties) : nil
            }
            file.properties = properties
            file.facts = FileFacts(properties)
            file.learnedAt = now
            file.isPlacementPending = false
            // Who waited for the commit may have written already: the process that follows must not take that for sent.
            file.hasWrites = work.local.isDirty
            file.coversStoredBlob = false
            file.mustBeNew = false
            file.recovery = nil
            file.lastFailure = nil
            file.failedCommits = 0
            // What was set during the commit waits for the next one.
            if file.pending == work.pending { file.pending = PendingAttributes() }
            // The kernel's pages are what was written through it.
            file.pageCacheVersion = committed.type == .append ? nil : committed.version.etag
        }
        guard node.address == work.address else {
            try await followName(of: node, committed, placesUntouched: placesUntouched)
            return
        }
        unsent.removeIfSent(node)
        changes.record(file: work.address, .present(node), at: now)
        await removePassingMarkers(above: work.address)
    }

    /// A directory above was renamed while the commit ran, and the commit ended under the old name: what the program
    /// was promised is under the new one.
    private func followName(
        of node: FileNode,
        _ committed: CommittedFile,
        placesUntouched: Bool
    ) async throws(FileSystemError) {
        node.withState { file in
            file.facts = nil
            file.properties = nil
            file.hasWrites = true
        }
        try await commitLocked(node, placesUntouched: placesUntouched)
        do throws(StorageError) {
            try await store.delete(committed.blob, condition: .matches(committed.version.etag))
        } catch { logger.debug("\(committed.blob) stays under its old name: \(error)") }
    }

    /// Whether a commit met another version only because somebody changed metadata: the bytes that it builds on are the
    /// same, and it builds on the new version from now on.
    private func onlyMetadataChanged(_ error: CommitError, _ node: FileNode) async -> Bool {
        guard case .storage(let refusal) = error, refusal.kind == .conditionFailed else { return false }
        let (address, facts) = node.withState { ($0.address, $0.facts) }
        let startedAt = clock.monotonic()
        guard let facts, let properties = try? await store.properties(of: address) else { return false }
        let newer = FileFacts(properties)
        guard facts.relation(to: newer) == .sameBytes else { return false }
        return node.withState { $0.observe(newer, startedAt: startedAt) } == .sameBytes
    }

    /// With `--on-conflict fail`: whether the store holds another version than was opened. That may be an earlier commit
    /// of this file whose answer was lost; so it is asked about, as a file that an earlier process left.
    private func mayConflict(_ error: CommitError, _ node: FileNode, _ attributes: PendingAttributes) -> Bool {
        guard options.conflictPolicy == .fail, case .storage(let refusal) = error, refusal.isOvertaken else {
            return false
        }
        return node.withState { file in
            guard !file.mustBeNew, file.recovery == nil else { return false }
            file.recovery = PendingRecovery(
                known: file.facts.map { .version($0.etag) } ?? .absent,
                attributes: attributes
            )
            return true
        }
    }

    /// A file that was truncated at open never asked what the store keeps beside its bytes: owner, mode and what other
    /// tools put there outlive the bytes.
    private func learnHeaders(of node: FileNode) async {
        guard node.withState({ $0.facts != nil && $0.properties == nil }) else { return }
        let address = node.address
        do throws(StorageError) {
            let properties = try await store.properties(of: address)
            node.withState { $0.properties = properties }
        } catch { logger.debug("commit \(address) without its old headers: \(error)") }
    }

    /// Somebody else made the file first: from now on the name means theirs, as if ours had been unlinked. Trying on
    /// would put a lost lock file back as soon as the winner removes its own.
    private func giveUpName(of node: FileNode) {
        node.withState { $0.isOvertaken = true }
        removeLocally(node)
        changes.forget(file: node.address)
    }

    private func commitFailure(_ error: CommitError, _ address: BlobAddress, mustBeNew: Bool) -> FileSystemError {
        switch error {
        case .local(let error):
            let answer = FileSystemError(error)
            report(answer, "commit", address.description)
            return answer
        case .storage(let error):
            // O_EXCL lost to somebody who was faster.
            if mustBeNew, error.kind == .conditionFailed || error.kind == .alreadyExists {
                return FileSystemError(errno: EEXIST, "\(address): somebody else made it first")
            }
            let answer = FileSystemError(error)
            report(answer, "commit", address.description, expected: error.kind == .cancelled)
            return answer
        }
    }

    // MARK: Without a caller

    /// For bytes that nobody waits for: stores after the last flush, and files that nobody wrote to. Tried until it
    /// works or cannot; failures go to the log, to status, and to the next open or fsync.
    func commitInBackground(_ node: FileNode) {
        background.run(node) { [self] in await attemptCommit(node) }
    }
}

extension FileState {
    /// Whether close (or, with `placesUntouched`, fsync and the last release) has anything to send.
    ///
    /// `echo x > f` closes a duplicate of the descriptor before it writes: that close must not upload an empty blob.
    /// `touch f` sets the times before its one close: that one places the file.
    func needsCommit(placesUntouched: Bool) -> Bool {
        guard !isUnlinked else { return false }
        guard hasUnsentContent else { return !pending.isEmpty }
        return placesUntouched || hasWrites || !isPlacementPending || pending.hasExplicitTime
    }
}

/// A change of a file's bytes that is no write.
struct ContentChange: Sendable {
    let mode: FallocateMode
    let offset: UInt64
    let length: UInt64

    func apply(to local: DirtyFile) throws(FileSystemError) -> WriteOutcome {
        let end = offset + length
        do throws(LocalStoreError) {
            switch mode {
            // Blobs have no reserved space: what is promised is the size.
            case .allocate(keepsSize: true): return .done
            case .allocate(keepsSize: false): return end > local.size ? try local.truncate(to: end) : .done
            case .punchHole: return try local.zero(offset..<end, extends: false)
            case .zeroRange(let keepsSize): return try local.zero(offset..<end, extends: !keepsSize)
            }
        } catch { throw FileSystemError(error) }
    }
}

extension FileSystemError {
    init(_ error: LocalStoreError) { self.init(errno: error.errno, error.description) }
}

extension [UInt8] {
    /// `withUnsafeBytes` with a typed error.
    fileprivate func withUnsafeBytesTyped<Value>(
        _ body: (UnsafeRawBufferPointer) throws(FileSystemError) -> Value
    ) throws(FileSystemError) -> Value {
        let result: Result<Value, FileSystemError> = withUnsafeBytes { bytes in
            do throws(FileSystemError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
