import BlobReading
import BlobStorage
package import BlobWriting
import FileSystemModel
import Glibc
import HandOver
import LocalStore
import Logging

/// Going on where another process of this mount was killed: the kernel still asks by the numbers that it gave out.
extension OutputFileSystem {
    /// Puts back directories, open files and handles, before the mount is used. Of what the journal has, files that are open
    /// go on being written, and files that were unlinked while they are open are read on; the rest comes back, for `recover`.
    package func resume(
        _ files: [RecoveredFile],
        names: [RecoveredName] = []
    ) -> (files: [RecoveredFile], names: [RecoveredName]) {
        guard let survivors else { return (files, names) }
        let handles = survivors.entries(.handle).compactMap { SurvivingHandle($0.key, $0.bytes) }
        let directories = survivors.entries(.directory).compactMap { SurvivingDirectory($0.key, $0.bytes) }
        let now = clock.monotonic()
        let opens = Dictionary(grouping: handles.filter { $0.flags != nil }, by: \.node)
        var journal = Dictionary(RecoveredFile.joined(files).map { ($0.name, $0) }) { first, _ in first }
        var lost: Set<NodeID> = []
        var due: Set<NodeID> = []
        var found = survivors.entries(.file).compactMap { SurvivingFile($0.key, $0.bytes, learnedAt: now) }
        // Of two versions under one name the later one has it.
        found.sort { $0.state.facts?.lastModified ?? .max < $1.state.facts?.lastModified ?? .max }
        var states: [(node: NodeID, inode: UInt64, state: FileState)] = []
        for var file in found {
            // Of one that was about to be opened nobody has heard.
            guard let opens = opens[file.node] ?? (file.isClosed ? [] : nil) else {
                survivors.remove(.file, file.node.rawValue)
                continue
            }
            let entry = file.journalName.flatMap { journal[$0] }
            switch file.plan(entry) {
            case .clean: break
            case .empty:
                guard let local = emptyContent(for: file.state) else {
                    lost.insert(file.node)
                    break
                }
                file.state.local = local
                if opens.isEmpty { due.insert(file.node) }
            case .goOn(let entry):
                journal[entry.name] = nil
                goOn(&file.state, with: entry, isClosed: opens.isEmpty)
                if entry.duty == .publish || opens.isEmpty { due.insert(file.node) }
            case .stored(let entry):
                journal[entry.name] = nil
                entry.entry.remove()
            case .sent(let entry, let version): stand(&file.state, for: version, of: entry)
            case .lost: lost.insert(file.node)
            }
            if lost.contains(file.node) { file.state.giveUpChanges() }
            file.state.count(opens)
            guard !opens.isEmpty || file.state.hasUnsentContent else {
                survivors.remove(.file, file.node.rawValue)
                continue
            }
            if let facts = file.state.facts, file.state.reader == nil {
                file.state.reader = BlobReader(cache: cache, blob: file.state.address, properties: facts.version)
            }
            states.append((file.node, file.inode, file.state))
        }
        let nodes = nodes.restore(
            directories,
            recalledFiles(besides: directories.map(\.node) + states.map(\.node)) + states
        )
        var names = names
        for state in states { if let node = nodes[state.node] { enter(node, &names, at: now) } }
        for handle in handles { restore(handle, nodes, lost) }
        // What a close was answered for, and the lines of a log, wait for nobody. What a program is changing waits for it.
        for node in due.compactMap({ nodes[$0] }) { commitInBackground(node) }
        if !handles.isEmpty || directories.count > 1 {
            let text = "\(handles.count) open files and directories, of which \(lost.count) cannot go on"
            logger.notice("going on with \(text), and \(directories.count) known directories")
        }
        return (Array(journal.values), names)
    }

    /// What the kernel may be about to ask for. What it has open is known better, and a slot that was used anew since has that.
    private func recalledFiles(besides known: [NodeID]) -> [(node: NodeID, inode: UInt64, state: FileState)] {
        var taken = Set(known.map(\.slotNumber))
        var recalled = survivors?.entries(.lookup).compactMap { RecalledFile($0.bytes) } ?? []
        recalled.sort { $0.node.rawValue > $1.node.rawValue }
        recalled.removeAll { !taken.insert($0.node.slotNumber).inserted }
        // As of open files: of two versions under one name the later one has it, which the kernel asks for.
        recalled.sort {
            ($0.state.facts?.lastModified ?? .max, $0.node.rawValue)
                < ($1.state.facts?.lastModified ?? .max, $1.node.rawValue)
        }
        return recalled.map { ($0.node, $0.inode, $0.state) }
    }

    /// A file that nobody has written a byte to.
    private func emptyContent(for file: FileState) -> DirtyFile? {
        let known: KnownName = file.facts.map { .version($0.etag) } ?? .unknown
        do throws(LocalStoreError) {
            let log = logStart(of: file.address, truncates: file.facts != nil)
            return try DirtyFile(scheduler: uploads, blob: file.address, base: nil, known: known, log: log)
        } catch {
            logger.error("\(file.address) cannot be written on: \(error)")
            return nil
        }
    }

    /// As `publish`, of a file that a program is in the middle of writing: its close decides.
    private func goOn(_ file: inout FileState, with entry: RecoveredFile, isClosed: Bool) {
        let identity = entry.replay.identity
        // The rename was recorded of the file, and not in the journal.
        let hasMoved = identity.blob != file.address
        if let base = identity.base, !hasMoved || identity.source != nil {
            let properties = BlobProperties(
                version: base.version,
                length: base.length,
                type: base.type,
                creationTime: entry.replay.log?.creationTime
            )
            if identity.source == nil { file.facts = FileFacts(properties) }
            file.reader = BlobReader(cache: cache, blob: identity.source ?? identity.blob, properties: properties)
        }
        let local = DirtyFile(scheduler: uploads, recovered: entry)
        let known: KnownName = hasMoved ? file.facts.map { .version($0.etag) } ?? .unknown : identity.known
        if hasMoved { local.move(to: file.address, version: file.facts?.version.version, known: known) }
        file.local = local
        // It goes up with what it was closed with. A file that another mount left has that from the journal only.
        if isClosed, entry.duty == .publish { file.properties = entry.properties }
        file.isPlacementPending = true
        file.hasWrites = true
        if known != .absent { file.coversStoredBlob = true }
        file.recovery = PendingRecovery(known: known, dueSince: entry.replay.dueSince)
    }

    /// The commit was answered, and noted in the journal, before the process was killed that was to note it here.
    private func stand(_ file: inout FileState, for version: BlobVersion, of entry: RecoveredFile) {
        let (log, headers) = (entry.replay.log, entry.replay.headers ?? BlobHeaders())
        var properties = BlobProperties(
            version: version,
            length: log?.end ?? entry.size,
            type: log == nil ? .block : .append,
            creationTime: log?.creationTime
        )
        properties.metadata = headers.metadata
        file.facts = FileFacts(properties)
        (file.isPlacementPending, file.hasWrites) = (false, false)
        (file.coversStoredBlob, file.mustBeNew) = (false, false)
        // The time of a write went with the bytes; what was set waits, unless it was among what they were sent with.
        if !file.pending.hasExplicitTime { file.pending.modificationTime = nil }
        var metadata = headers.metadata
        file.pending.apply(to: &metadata, kind: .file, options: options)
        if metadata == headers.metadata { file.pending = PendingAttributes() }
    }

    private func enter(_ node: FileNode, _ names: inout [RecoveredName], at now: Duration) {
        let (address, etag, isUnlinked, isPending, hasLocal) = node.withState { file in
            (file.address, file.facts?.etag, file.isUnlinked, file.isRemovalPending, file.local != nil)
        }
        let index = names.firstIndex { name in
            guard case .removal(let removal) = name.change else { return false }
            return removal.blob == address && removal.etag == etag
        }
        if isUnlinked {
            guard isPending else { return }
            guard let index else {
                // The journal says that it is gone.
                node.withState { $0.isRemovalPending = false }
                return
            }
            held.insert(HeldBlobs.Removal(node: node, entry: names.remove(at: index).entry))
            changes.record(file: address, .held(node), at: now)
        } else if let index {
            // Noted, and cut off before the name was gone: the kernel sends the unlink again, which finds it done. Who has
            // the file open reads on.
            held.insert(HeldBlobs.Removal(node: node, entry: names.remove(at: index).entry))
            removeLocally(node, holdsBlob: true)
        } else if hasLocal || node.hasUnsentContent {
            unsent.insert(node)
            changes.record(file: address, .present(node), at: now)
        }
    }

    private func restore(_ handle: SurvivingHandle, _ files: [NodeID: FileNode], _ lost: Set<NodeID>) {
        if let flags = handle.flags, let node = files[handle.node] {
            // Readers of a file whose new bytes are lost must not read the old ones for them.
            let isLost = lost.contains(handle.node)
            handles.restore(
                handle.id,
                FileHandle(node: node, flags: flags, isBacked: handle.isBacked, isLost: isLost),
                for: handle.request
            )
        } else if handle.flags == nil, let node = nodes.directory(handle.node) {
            handles.restore(handle.id, DirectoryHandle(node: node), for: handle.request)
        } else {
            survivors?.remove(.handle, handle.id.rawValue)
        }
    }

    /// Whether the bytes of an append that is sent again are there: the process that had it first was killed behind the
    /// deed. EIO where that cannot be told, as others append, too.
    func wasAppended(
        _ bytes: UnsafeRawBufferPointer,
        to local: DirtyFile,
        at offset: UInt64
    ) throws(FileSystemError) -> Bool {
        let size = local.size
        guard size != offset else { return false }
        let end = offset + UInt64(bytes.count)
        let isHere = local.segments(of: offset..<max(offset, end)).allSatisfy {
            if case .local = $0 { true } else { false }
        }
        if isHere, size >= end {
            let there = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
            defer { there.deallocate() }
            do throws(LocalStoreError) { try local.readLocal(offset..<end, into: there) } catch {
                throw FileSystemError(error)
            }
            if UnsafeRawBufferPointer(there).hasSameBytes(as: bytes) { return true }
        }
        throw FileSystemError(errno: EIO, "\(local.blob): an append was cut off, and may be there or not")
    }
}

extension SurvivingFile {
    enum Plan {
        /// The store has what there is.
        case clean
        /// Made or emptied, and never written to.
        case empty
        /// Its bytes are in the journal.
        case goOn(RecoveredFile)
        /// The store has this version of it, which is newer than what was recorded of the file.
        case sent(RecoveredFile, BlobVersion)
        /// The store has what was recorded of the file, and the journal was not told yet.
        case stored(RecoveredFile)
        /// What was written is gone, or given up.
        case lost
    }

    /// - Parameter entry: what the journal has under its name.
    func plan(_ entry: RecoveredFile?) -> Plan {
        if state.isOvertaken { return .lost }
        guard journalName != nil else { return .clean }
        // The journal's entry goes with the name.
        if state.isUnlinked { return state.facts == nil || state.hasWrites ? .lost : .clean }
        guard let entry else {
            if state.hasWrites { return .lost }
            return state.isPlacementPending || state.facts == nil ? .empty : .clean
        }
        if entry.replay.keptReason != nil { return .lost }
        guard entry.duty == .none else { return isAhead(of: entry) ? .stored(entry) : .goOn(entry) }
        // What follows a commit is in the journal before it is recorded here.
        guard state.facts == nil || state.isPlacementPending || state.hasWrites else { return .clean }
        if let version = entry.replay.committed { return .sent(entry, version) }
        // Renamed since, which both know: nothing that the journal has waits.
        return state.facts == nil || state.isPlacementPending ? .lost : .clean
    }

    /// Whether the commit that the journal waits for was answered: the version that it made is recorded here, and nothing
    /// was written since. What is written afterwards has the journal know that version first. Of a log more may wait.
    private func isAhead(of entry: RecoveredFile) -> Bool {
        guard entry.duty == .publish, entry.replay.log == nil, !state.hasWrites, !state.isPlacementPending,
            let facts = state.facts
        else { return false }
        return entry.replay.identity.known != .version(facts.etag)
    }
}

extension FileState {
    /// Nothing of what was changed here can be sent any more; the journal may have it.
    fileprivate mutating func giveUpChanges() {
        (isPlacementPending, hasWrites, mustBeNew, isOvertaken) = (false, false, false, false)
        pending = PendingAttributes()
    }

    fileprivate mutating func count(_ opens: [SurvivingHandle]) {
        openCount = opens.count
        writerCount = opens.count { $0.flags?.allowsWriting == true }
        backedCount = opens.count { $0.isBacked }
        isLeaseKept = backedCount > 0
    }
}
