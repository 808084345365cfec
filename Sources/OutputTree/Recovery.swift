import BlobReading
import BlobStorage
package import BlobWriting
import FileSystemModel
import Glibc
import LocalStore
import Logging
import OutputConventions
import Synchronization

/// When close and fsync may say that they succeeded.
package enum Durability: String, Sendable, Hashable, CaseIterable {
    /// The store holds the bytes.
    case commit
    /// This machine's disk holds them, safe from a crash of the process and of the machine; they are uploaded behind.
    case journal
}

/// A file that an earlier process left in the journal, until its bytes are in the store.
struct PendingRecovery: Sendable {
    /// What the name must still hold.
    var known: KnownName
    /// As the store's answer to the last question allows.
    var condition: VersionCondition?
    /// Seconds since the epoch: when close or fsync asked for it.
    var dueSince: Int64?
    /// What goes up with the bytes; what a program sets since is not among it.
    var attributes = PendingAttributes()
}

/// Bytes in the journal that this mount does not upload: somebody has to decide, with `outputfs recover`.
package struct KeptFile: Sendable, Codable {
    package var path: String
    /// In bytes.
    package var size: UInt64
    package var reason: String
}

/// What was found and not uploaded, for status.
final class KeptFiles: Sendable {
    private let files = Mutex<[KeptFile]>([])

    func insert(_ file: KeptFile) { files.withLock { $0.append(file) } }
    var all: [KeptFile] { files.withLock { $0.sorted { $0.path < $1.path } } }
}

extension OutputFileSystem {
    /// Takes over what processes that are gone left in the journal: what was closed or fsynced is in the tree from now on,
    /// and on its way to the store; the rest stays where it is. To be called before the mount is used.
    package func recover(
        _ files: [RecoveredFile],
        names: [RecoveredName] = [],
        unreadable: [RecoveredFile.Unreadable]
    ) {
        // Before the files: a new one may have the name of one that is to go.
        for name in names {
            switch name.change {
            case .removal(let removal): recover(removal, name.entry)
            case .move(let move): recover(move, name.entry)
            }
        }
        for file in RecoveredFile.joined(files) {
            switch file.duty {
            case .none: file.entry.remove()
            case .publish: publish(file)
            case .offer(let reason): keep(file, reason)
            }
        }
        for file in unreadable {
            logger.error("the journal keeps \(file.dataPath), \(file.size) bytes: \(file.reason)")
            kept.insert(KeptFile(path: file.dataPath, size: file.size, reason: file.reason))
        }
    }

    /// Leaves a file where it is, and says so.
    package func keep(_ file: RecoveredFile, _ reason: String) {
        let (blob, size) = (file.replay.identity.blob, file.size)
        logger.warning("the journal keeps \(blob), \(size) bytes: \(reason); see outputfs recover --list")
        kept.insert(KeptFile(path: blob.description, size: size, reason: reason))
    }

    /// Leaves a change of names where it is, since nothing opens its container any more, and says so.
    package func keep(_ name: RecoveredName) {
        let what: (path: String, reason: String) =
            switch name.change {
            case .removal(let removal): (removal.blob.description, "unlinked, to be deleted")
            case .move(let move): (move.from.description, "its rename to \(move.to) was cut short")
            }
        let reason = "\(what.reason); its [datastores.NAME] is not in the configuration any more"
        logger.warning("the journal keeps \(what.path): \(reason)")
        kept.insert(KeptFile(path: what.path, size: 0, reason: reason))
    }

    private func publish(_ file: RecoveredFile) {
        let identity = file.replay.identity
        logger.notice("\(identity.blob), \(file.size) bytes, was closed and not uploaded: it is on its way now")
        let properties = file.properties
        let now = clock.monotonic()
        var state = FileState(address: identity.blob, facts: nil, learnedAt: now)
        let posix = PosixMetadata(properties.metadata)
        state.pending.modificationTime = posix.modificationTime ?? file.replay.dueSince.map { Timestamp(seconds: $0) }
        state.pending.permissions = posix.permissions
        state.pending.userID = posix.userID
        state.pending.groupID = posix.groupID
        state.properties = properties
        if identity.base != nil {
            if identity.source == nil { state.facts = FileFacts(properties) }
            state.reader = BlobReader(cache: cache, blob: identity.source ?? identity.blob, properties: properties)
        }
        state.local = DirtyFile(scheduler: uploads, recovered: file)
        state.isPlacementPending = true
        state.hasWrites = true
        // Its name may have a blob: whoever removes the file removes that.
        state.coversStoredBlob = identity.known != .absent
        state.recovery = PendingRecovery(
            known: identity.known,
            dueSince: file.replay.dueSince,
            attributes: state.pending
        )
        let node = nodes.insert(state)
        unsent.insert(node)
        changes.record(file: identity.blob, .present(node), at: now)
        commitInBackground(node)
        // The kernel does not know it yet; what is unsent stays all the same.
        nodes.forget(node.id, count: 1)
    }

    /// Before the first commit of a recovered file: whether its name is still what the process that wrote it knew. For
    /// callers that hold the node's lock. `true`: the store has the file, nothing is left to do.
    func confirmRecovery(of node: FileNode) async throws(FileSystemError) -> Bool {
        let (recovery, local, address) = node.withState { ($0.recovery, $0.local, $0.address) }
        guard let recovery, let local else { return false }
        // What was unlinked before this file got its name must not pass for somebody else's.
        if let holder = held.holder(of: address), held.isRecovered(holder) { _ = await attemptRemoval(holder) }
        let changeCount = local.changeCount
        var verdict: RecoveryVerdict
        do throws(StorageError) { verdict = try await local.judge(known: recovery.known) } catch {
            let answer = failure(error, "recover", address.description)
            noteFailure(answer, of: node)
            throw answer
        }
        if case .done(let properties) = verdict, node.withState({ $0.isStrangers(properties) }) {
            verdict = .conflict("somebody else made it first")
        }
        switch verdict {
        case .upload(let condition):
            node.withState { $0.recovery?.condition = condition }
            return false
        case .done(let properties):
            guard await local.settle(as: properties, changeCount: changeCount) else {
                // A program wrote to it while the store was asked.
                node.withState { $0.recovery?.condition = .matches(properties.version.etag) }
                return false
            }
            logger.notice("\(address) is in the store already")
            node.withState { file in
                file.facts = FileFacts(properties)
                file.properties = properties
                file.learnedAt = clock.monotonic()
                file.reader = nil
                // Who has it open goes on with it.
                if file.openCount == 0 || local.isLog { file.local = nil }
                file.isPlacementPending = false
                file.hasWrites = false
                file.mustBeNew = false
                file.recovery = nil
                file.lastFailure = nil
                if file.pending == recovery.attributes { file.pending = PendingAttributes() }
            }
            if node.withState({ $0.local !== local }) { local.discard() }
            unsent.removeIfSent(node)
            changes.record(file: address, .present(node), at: clock.monotonic())
            return node.withState { $0.pending.isEmpty }
        case .conflict(let reason):
            // O_EXCL that was lost is EEXIST, whenever that is found.
            let errno = node.withState { $0.mustBeNew } ? EEXIST : ESTALE
            let answer = FileSystemError(errno: errno, "\(address): \(reason); the bytes are kept in the journal")
            report(answer, "commit", address.description)
            noteFailure(answer, of: node)
            await giveUp(node, local, reason)
            throw answer
        }
    }

    /// The name means what the store has from now on; the bytes stay in the journal.
    func giveUp(_ node: FileNode, _ local: DirtyFile, _ reason: String) async {
        kept.insert(KeptFile(path: node.address.description, size: local.size, reason: reason))
        await local.keepInJournal(reason)
        node.withState { file in
            file.isOvertaken = true
            file.recovery = nil
        }
        removeLocally(node)
        changes.forget(file: node.address)
    }

    func noteFailure(_ answer: FileSystemError, of node: FileNode) {
        // What was cut off by a signal or at the end says nothing about the store; the reason before it does.
        let isNews = answer.errno != EINTR
        node.withState { file in
            if isNews || file.lastFailure == nil { file.lastFailure = answer }
            if isNews { file.failedCommits += 1 }
        }
    }
}

extension RecoveredFile {
    /// Of the version that it builds on, with what is to be stored beside the bytes.
    var properties: BlobProperties {
        let (identity, headers) = (replay.identity, replay.headers ?? BlobHeaders())
        var properties = BlobProperties(
            version: identity.base?.version ?? BlobVersion(etag: ETag(""), lastModified: replay.dueSince ?? 0),
            length: identity.base?.length ?? size,
            type: identity.base?.type ?? .block,
            creationTime: replay.log?.creationTime
        )
        properties.contentType = headers.contentType
        properties.contentLanguage = headers.contentLanguage
        properties.contentDisposition = headers.contentDisposition
        properties.cacheControl = headers.cacheControl
        properties.metadata = headers.metadata
        return properties
    }
}

extension FileState {
    /// All empty blobs have the same bytes: of a file that had to be new only its time, in nanoseconds, tells whether this
    /// is the one that was put there for it.
    func isStrangers(_ properties: BlobProperties) -> Bool {
        mustBeNew && properties.length == 0
            && FileFacts(properties).posix.modificationTime != pending.modificationTime
    }
}
