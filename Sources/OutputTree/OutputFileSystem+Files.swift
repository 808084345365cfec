import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import LocalStore
import OutputConventions

extension OutputFileSystem {
    package func open(_ request: consuming Request<Opened>, _ node: NodeID, flags: OpenFlags) {
        let number = request.number
        // It goes behind the new one: as the last of its file it would publish what nobody closed.
        let unheard = handles.takeUnheard(number)
        let file: FileNode
        do throws(FileSystemError) {
            file = try fileNode(node)
            // The kernel remembers names a while; ESTALE makes it look this one up again, for what it means now.
            if file.withState({ $0.isUnlinked }) {
                throw FileSystemError(errno: ESTALE, "\(file.address) was removed")
            }
            if flags.allowsWriting || flags.truncates {
                try requireWritable()
                try requireBlob(file.address)
                try requireChangeable(file)
            } else if file.withState({ $0.isDetached }) {
                throw detach(file)
            }
            // What was changed here is known best here: no request.
            if file.hasUnsentContent && !flags.truncates {
                let opened = try opened(file, flags, for: number)
                if let unheard { release(unheard) }
                request.succeed(opened)
                return
            }
        } catch {
            if let unheard { release(unheard) }
            request.fail(error)
            return
        }
        request.later { [self] () async throws(FileSystemError) in
            defer { if let unheard { release(unheard) } }
            if flags.allowsWriting || flags.truncates { try await requireUnconfirmed(file.address, "open") }
            if flags.truncates {
                // The old bytes go: no version is needed, unless one that came since the last lookup is a conflict.
                if options.conflictPolicy == .fail || file.withState({ $0.isRecalled }) {
                    _ = try await pinVersion(file, flags)
                }
                try await truncateAtOpen(file)
            } else if try await pinVersion(file, flags) {
                // Not even if it is small and has got to the disk by now: who reads what is in memory should not turn on that.
                return try opened(file, flags, for: number)
            }
            return try opened(file, flags, await backing(for: file, flags), for: number)
        }
    }

    package func create(
        _ request: consuming Request<Created>,
        _ name: FileName,
        in parent: NodeID,
        permissions: UInt16,
        flags: OpenFlags
    ) {
        let (caller, number) = (request.caller, request.number)
        do throws(FileSystemError) {
            try requireWritable()
            if let unheard = handles.takeUnheard(number) {
                defer { release(unheard) }
                // It was made, and O_EXCL would find it in its own way.
                if let known = try? fileHandle(unheard).node, !known.withState({ $0.isUnlinked }) {
                    nodes.lookUp(known)
                    let again = creating(known, flags, for: number)
                    guard case .success(let created) = again, isPlacedAtOpen(flags) else {
                        return request.complete(again)
                    }
                    request.later { [self] () async throws(FileSystemError) in
                        await recognisePlaceholder(of: known)
                        return try await place(known, created)
                    }
                    return
                }
            }
            let directory = try directoryNode(parent)
            let unsent = try unsentFile(name, in: directory)
            if unsent != nil, flags.isExclusive { throw FileSystemError(errno: EEXIST, "\(name) is there") }
            // O_TRUNC replaces whatever is there, and O_EXCL is told at the commit. Who wants the old bytes, as `>>`
            // does, must not miss a blob that somebody made since the kernel's last lookup: that costs a HEAD.
            let mustAsk = !flags.isExclusive && (!flags.truncates || options.conflictPolicy == .fail)
            let address = try newBlob(name, in: directory)
            guard unsent == nil, !mustAsk, !isInUpload(address) else {
                request.later { [self] () async throws(FileSystemError) in
                    try await requireUnconfirmed(address, "create")
                    let known =
                        if let unsent { unsent } else {
                            mustAsk ? try await storedFile(name, in: directory, flags) : nil
                        }
                    if let known {
                        if flags.truncates { try await truncateAtOpen(known) }
                        nodes.lookUp(known)
                        return try creating(known, flags, for: number).get()
                    }
                    let made = try makeFile(name, in: directory, permissions, caller, flags)
                    let created = try created(made, flags, number)
                    return isPlacedAtOpen(flags) ? try await place(made, created) : created
                }
                return
            }
            let made = try makeFile(name, in: directory, permissions, caller, flags)
            guard isPlacedAtOpen(flags) else {
                request.succeed(try created(made, flags, number))
                return
            }
            request.later { [self] () async throws(FileSystemError) in
                // Open before it is placed: should this process be killed meanwhile, the next one knows of it.
                try await place(made, try created(made, flags, number))
            }
        } catch { request.fail(error) }
    }

    private func isPlacedAtOpen(_ flags: OpenFlags) -> Bool {
        flags.isExclusive && options.exclusiveCreation == .open
    }

    /// `request`: see `Request.number`.
    private func created(_ node: FileNode, _ flags: OpenFlags, _ request: UInt64) throws(FileSystemError) -> Created {
        let opened = try opened(node, flags, for: request)
        return Created(entry: entry(node), opened: opened)
    }

    /// As `created`, of a file that is there; its lookup, which is counted, is given back where it cannot be opened.
    private func creating(
        _ known: FileNode,
        _ flags: OpenFlags,
        for request: UInt64
    ) -> Result<Created, FileSystemError> {
        do throws(FileSystemError) { return .success(try created(known, flags, request)) } catch {
            nodes.forget(known.id, count: 1)
            return .failure(error)
        }
    }

    /// `--exclusive open`: an empty blob under the name, or no file.
    private func place(_ node: FileNode, _ created: Created) async throws(FileSystemError) -> Created {
        do throws(FileSystemError) {
            try await commit(node, placesUntouched: true)
            // Recovery may have been there first, and found somebody else's.
            if node.withState({ $0.isUnlinked }) {
                throw FileSystemError(errno: EEXIST, "\(node.address): somebody else made it first")
            }
            return Created(entry: entry(node), opened: created.opened)
        } catch {
            if let handle = handles.removeFile(created.opened.handle) {
                node.withState { file in
                    file.openCount -= 1
                    if handle.flags.allowsWriting { file.writerCount -= 1 }
                }
            }
            removeLocally(node)
            nodes.forget(node.id, count: 1)
            throw error
        }
    }

    /// The blob that a process that was killed placed for this very file, and that would be in its way now: it is empty,
    /// and has the file's time to the nanosecond. Otherwise the commit decides.
    private func recognisePlaceholder(of node: FileNode) async {
        let address = node.address
        guard node.withState({ $0.facts == nil && $0.recovery == nil && $0.mustBeNew }),
            let properties = try? await store.properties(of: address), properties.length == 0,
            !node.withState({ $0.isStrangers(properties) })
        else { return }
        let (facts, now) = (FileFacts(properties), clock.monotonic())
        node.withState { file in
            (file.properties, file.facts, file.learnedAt) = (properties, facts, now)
            (file.isPlacementPending, file.mustBeNew, file.coversStoredBlob) = (false, false, false)
            file.pending = PendingAttributes()
            file.local?.move(to: address, version: properties.version)
        }
        changes.record(file: address, .present(node), at: now)
    }

    private func makeFile(
        _ name: FileName,
        in directory: DirectoryNode,
        _ permissions: UInt16,
        _ caller: Caller,
        _ flags: OpenFlags
    ) throws(FileSystemError) -> FileNode {
        try makeFile(
            name,
            in: directory,
            permissions: permissions,
            caller: caller,
            // What cannot be seen must not be lost: `echo x >> f` with a token that only writes.
            mustBeNew: flags.isExclusive || (!flags.truncates && hidesBlobs(directory)),
            truncates: flags.truncates
        )
    }

    /// The file that the store has under this name, ready to be opened. Its lookup is not counted.
    private func storedFile(
        _ name: FileName,
        in directory: DirectoryNode,
        _ flags: OpenFlags
    ) async throws(FileSystemError) -> FileNode? {
        let address = try newBlob(name, in: directory)
        guard !changes.holdsBlob(address) else { return nil }
        let startedAt = clock.monotonic()
        let properties: BlobProperties
        do throws(StorageError) { properties = try await store.properties(of: address) } catch {
            if error.kind == .notFound || error.kind == .denied { return nil }
            throw failure(error, "create", address.description)
        }
        let facts = FileFacts(properties)
        if facts.posix.isDirectory { throw FileSystemError(errno: EISDIR, "\(name) is a directory") }
        let node = nodes.lookUpNode(file: address, facts: facts, startedAt: startedAt)
        defer { nodes.forget(node.id, count: 1) }
        try refuseArchived(properties, flags, address)
        adopt(properties, by: node, startedAt: startedAt)
        return node
    }

    /// A file that this mount has under another view's path and that is not in the store yet: the kernel, which knows
    /// paths only, takes it for absent.
    private func unsentFile(_ name: FileName, in directory: DirectoryNode) throws(FileSystemError) -> FileNode? {
        guard let node = nodes.liveFile(at: try newBlob(name, in: directory)), node.hasUnsentContent else { return nil }
        return node
    }

    private func hidesBlobs(_ directory: DirectoryNode) -> Bool {
        directory.place.contents.map { rights.hidesBlobs(in: $0.container) } ?? false
    }

    /// A new file that exists on this mount only; its lookup is counted. `mustBeNew`: its first commit replaces nothing.
    func makeFile(
        _ name: FileName,
        in directory: DirectoryNode,
        permissions: UInt16,
        caller: Caller,
        mustBeNew: Bool,
        truncates: Bool = false
    ) throws(FileSystemError) -> FileNode {
        let address = try newBlob(name, in: directory)
        var state = FileState(address: address, facts: nil, learnedAt: clock.monotonic())
        do throws(LocalStoreError) {
            // What is unlinked and still there, or hidden from these credentials, may be anything.
            let known: KnownName = changes.holdsBlob(address) || hidesBlobs(directory) ? .unknown : .absent
            let log = logStart(of: address, truncates: truncates)
            state.local = try DirtyFile(scheduler: uploads, blob: address, base: nil, known: known, log: log)
        } catch { throw FileSystemError(error) }
        state.isPlacementPending = true
        state.pending.modificationTime = clock.wall()
        setOwner(&state.pending, permissions: permissions, caller: caller, default: options.filePermissions)
        state.coversStoredBlob = changes.holdsBlob(address)
        // The blob of an unlinked file that somebody still has open is no file's that could be in the way.
        state.mustBeNew = mustBeNew && !state.coversStoredBlob
        let node = nodes.insert(state)
        unsent.insert(node)
        changes.record(file: address, .present(node), at: clock.monotonic())
        return node
    }

    /// Owner and mode of something new; what equals the defaults is not stored.
    func setOwner(
        _ pending: inout PendingAttributes,
        permissions: UInt16,
        caller: Caller,
        default defaultPermissions: UInt16
    ) {
        guard options.usesPosixMetadata else { return }
        let permissions = permissions & 0o1777
        if permissions != defaultPermissions { pending.permissions = permissions }
        if caller.userID != options.userID { pending.userID = caller.userID }
        if caller.groupID != options.groupID { pending.groupID = caller.groupID }
    }

    /// The blob that a new file of this name becomes, or why there can be none.
    func newBlob(_ name: FileName, in directory: DirectoryNode) throws(FileSystemError) -> BlobAddress {
        let place = directory.place
        if let problem = obstacle(toMaking: name, in: place) {
            throw FileSystemError(problem, name: name)
        }
        switch resolve(name, in: place) {
        case .either(let file, _):
            guard let address = file.blob else { break }
            return address
        case .file: throw FileSystemError(errno: EEXIST, "\(name) is the name of a file beside a directory")
        case .impossible(let problem): throw FileSystemError(problem, name: name)
        case .fixed: throw FileSystemError(errno: EEXIST, "\(name) is always there")
        case .container, .folder, .gathered: break
        }
        throw FileSystemError(errno: EPERM, "\(name): only directories live here")
    }

    /// Counts the handle and says what the kernel may do with its pages, and whether it may read by itself.
    func opened(
        _ node: FileNode,
        _ flags: OpenFlags,
        _ backing: Backing? = nil,
        for request: UInt64
    ) throws(FileSystemError) -> Opened {
        struct Decision {
            var keepsPageCache: Bool
            var isDirect = false
            var lease: CleanFileLease?
            var isBacked: Bool
        }
        let decision = node.withState { file -> Decision? in
            // Between the beginning of this open and now a reader may have come whom the kernel serves.
            if flags.allowsWriting, file.backedCount > 0 { return nil }
            let lease = file.takeLease(backing, options)
            let isBacked = file.countBacked(lease)
            file.openCount += 1
            if flags.allowsWriting { file.writerCount += 1 }
            // The kernel would keep what it wrote where it wrote it, and others append, too.
            if file.isLogInUse(flags, options) {
                file.pageCacheVersion = nil
                return Decision(keepsPageCache: false, isDirect: true, lease: lease, isBacked: isBacked)
            }
            guard let version = file.facts?.etag else {
                return Decision(keepsPageCache: file.local != nil, lease: lease, isBacked: isBacked)
            }
            defer { file.pageCacheVersion = version }
            return Decision(keepsPageCache: file.pageCacheVersion == version, lease: lease, isBacked: isBacked)
        }
        guard let decision else { throw detach(node) }
        let handle = handles.insert(
            FileHandle(node: node, flags: flags, isBacked: decision.isBacked),
            for: request
        )
        return Opened(
            handle: handle,
            keepsPageCache: decision.keepsPageCache,
            isDirect: decision.isDirect,
            backing: decision.lease.map { BackingFile(descriptor: $0.descriptor) }
        )
    }

    /// O_TRUNC: the old content is gone for this mount at once; the store keeps it until the commit. Waits for a commit
    /// that runs: it must not land after the one of the new content.
    private func truncateAtOpen(_ node: FileNode) async throws(FileSystemError) {
        try await node.changes.withLock { () async throws(FileSystemError) in
            let replacement: DirtyFile
            do throws(LocalStoreError) {
                let known = node.withState { file -> KnownName in
                    file.facts.map { .version($0.etag) } ?? file.local?.known ?? .unknown
                }
                let (address, log) = (node.address, logStart(of: node.address, truncates: true))
                replacement = try DirtyFile(scheduler: uploads, blob: address, base: nil, known: known, log: log)
            } catch { throw FileSystemError(error) }
            let outdated = node.withState { file -> DirtyFile? in
                guard file.backedCount == 0 else { return replacement }
                defer {
                    file.local = replacement
                    file.isPlacementPending = true
                    file.recovery = nil
                    file.hasWrites = false
                    file.pending.modificationTime = clock.wall()
                    file.pageCacheVersion = nil
                }
                return file.local
            }
            outdated?.discard()
            if outdated === replacement { throw detach(node) }
        }
        unsent.insert(node)
        notePresence(of: node)
    }

    package func release(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        guard release(handle) else {
            request.fail(FileSystemError(errno: EBADF, "no open file"))
            return
        }
        request.succeed(Done())
    }

    /// False if there is no such handle.
    @discardableResult
    private func release(_ handle: HandleID) -> Bool {
        guard let handle = handles.removeFile(handle) else { return false }
        let file = handle.node
        file.withState { $0.reader }?.end(handle.stream)
        if handle.isBacked { _ = file.withState { $0.giveBackLease() } }
        enum Rest { case nothing, commit, remove }
        let rest = file.withState { state -> Rest in
            state.openCount -= 1
            if handle.flags.allowsWriting { state.writerCount -= 1 }
            if handle.flags.allowsWriting, state.writerCount == 0 { state.expectsChange = false }
            if state.isUnlinked { return state.openCount == 0 ? .remove : .nothing }
            // Stores through a mapping come after the last flush; a file that nobody wrote to is placed now.
            if state.writerCount == 0, state.hasUnsentContent { return .commit }
            return .nothing
        }
        switch rest {
        case .nothing: settle(file)
        case .commit: commitInBackground(file)
        case .remove: removeNow(file)
        }
        return true
    }
}

extension FileSystemError {
    init(_ problem: NameProblem, name: FileName) {
        let errno: Int32 =
            switch problem.kind {
            case .invalid: EINVAL
            case .tooLong: ENAMETOOLONG
            case .notHere: EPERM
            }
        self.init(errno: errno, "\(name): \(problem.reason)")
    }
}
