import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import Logging
import OutputConventions

extension OutputFileSystem {
    package func rename(
        _ request: consuming Request<Done>,
        _ name: FileName,
        in parent: NodeID,
        to newName: FileName,
        in newParent: NodeID,
        flags: RenameFlags
    ) {
        do throws(FileSystemError) {
            try requireWritable()
            guard !flags.contains(.exchange) else {
                throw FileSystemError(errno: EINVAL, "two blobs cannot change their names in one step")
            }
            let source = try directoryNode(parent)
            let target = try directoryNode(newParent)
            request.later { [self] () async throws(FileSystemError) in
                try await rename(name, in: source, to: newName, in: target, flags: flags)
                return Done()
            }
        } catch { request.fail(error) }
    }

    private func rename(
        _ name: FileName,
        in source: DirectoryNode,
        to newName: FileName,
        in target: DirectoryNode,
        flags: RenameFlags
    ) async throws(FileSystemError) {
        let ended = moves.endedCount
        switch try await locate(name, in: source) {
        case .absent:
            if flags.contains(.isRepeated) { try await followDirectory(name, in: source, to: newName, in: target) }
            throw FileSystemError(errno: ENOENT, "\(name) is not there")
        case .selfLink: throw FileSystemError(errno: EPERM, "self belongs to the mount")
        case .file(let address, let facts, let startedAt):
            try await requireRemovable(address, in: source.place, "rename")
            let node = nodes.lookUpNode(file: address, facts: facts, startedAt: startedAt)
            defer { nodes.forget(node.id, count: 1) }
            try await rename(node, to: newName, in: target, flags: flags)
        case .node(let node):
            try await requireRemovable(node.address, in: source.place, "rename")
            try await rename(node, to: newName, in: target, flags: flags)
        case .directory(let place, let facts):
            if let contents = place.contents { try await requireRemovable(contents, in: source.place, "rename") }
            guard try await endMoves(touching: place, newName, in: target) || moves.endedCount != ended else {
                return try await rename(place, facts, name, to: newName, in: target, flags: flags)
            }
            // What the names mean may be something else now.
            try await rename(name, in: source, to: newName, in: target, flags: flags)
        }
    }

    // MARK: Files

    /// Copy on the server, then delete: at every moment one of the names has the whole file.
    private func rename(
        _ node: FileNode,
        to newName: FileName,
        in target: DirectoryNode,
        flags: RenameFlags
    ) async throws(FileSystemError) {
        try requireBlob(node.address)
        let destination = try newBlob(newName, in: target)
        try requireOneAccount(node.address, destination)
        try await requireUnconfirmed(destination, "rename")
        while true {
            let replaced = try await replaceableFile(newName, destination, in: target, flags: flags)
            // The replaced file's lock, too: a commit of it that is under way would end up over the copy.
            let isDone = try await [node, replaced.node].compactMap(\.self).withChangesLocked {
                () async throws(FileSystemError) in
                let source = node.address
                guard source != destination else { return true }
                if flags.contains(.isRepeated), try await endRename(of: node, to: replaced.node) { return true }
                // Another file got the name while this one waited: its lock is needed instead.
                if let now = nodes.file(at: destination), now !== replaced.node { return false }
                if node.withState({ $0.isUnlinked }) {
                    throw FileSystemError(errno: ENOENT, "\(source) was removed")
                }
                if node.withState({ $0.facts == nil }) {
                    try await renameUnsent(node, to: destination, over: replaced, flags)
                    return true
                }
                // What the store does not have yet goes up under the old name; then the store has one file to copy.
                try await commitLocked(node, placesUntouched: true)
                if case .hierarchical = store.namespace(of: source.container) {
                    try await moveBlob(of: node, from: source, to: destination, over: replaced, flags)
                } else {
                    try await requireDeleteRight(for: source)
                    try await copyThenDelete(node, from: source, to: destination, over: replaced, flags)
                }
                return true
            }
            if isDone { return }
        }
    }

    /// A rename is sent again whose copy stands: the process that had it was killed before the source was gone. Who asks anew,
    /// after an error, means the source as it is, whatever was written to the copy since.
    private func endRename(of source: FileNode, to copy: FileNode?) async throws(FileSystemError) -> Bool {
        let (address, etag) = source.withState { ($0.address, $0.facts?.etag) }
        guard let copy, let etag,
            copy.withState({ $0.renamedFrom }) == RenameOrigin(address: address, etag: etag)
        else { return false }
        do throws(StorageError) { try await store.delete(address, condition: .matches(etag)) } catch {
            guard error.kind == .notFound else { throw failure(error, "rename", address.description) }
        }
        copy.withState { $0.renamedFrom = nil }
        removeLocally(source)
        await removePassingMarkers(above: copy.address)
        return true
    }

    /// Programs copy what cannot be renamed across file systems; between accounts nothing can.
    func requireOneAccount(_ source: BlobAddress, _ destination: BlobAddress) throws(FileSystemError) {
        guard !destination.isOneStep(from: source) else { return }
        throw FileSystemError(errno: EXDEV, "\(source) and \(destination) are of two accounts")
    }

    /// A file that is on this mount only changes its name here only.
    private func renameUnsent(
        _ node: FileNode,
        to destination: BlobAddress,
        over replaced: ReplacedFile,
        _ flags: RenameFlags
    ) async throws(FileSystemError) {
        let source = node.address
        let holder = try await removeCovered(by: node)
        let isHeld = changes.holdsBlob(destination)
        let isStored = replaced.node?.withState { $0.facts != nil || $0.coversStoredBlob } ?? replaced.isThere
        let known =
            isStored ? replaced.node?.withState { $0.facts.map { .version($0.etag) } } ?? .unknown : KnownName.absent
        if let existing = replaced.node, existing.id != node.id { supersede(existing) }
        let local = node.withState { $0.local }
        local?.move(to: destination, known: isHeld ? .unknown : known)
        // Before the file is known by that name: the process that follows this one goes by what it finds there.
        await local?.settleJournal()
        nodes.move(node, to: destination) { file in
            file.mustBeNew = flags.contains(.noReplace) && !isHeld
            file.coversStoredBlob = isStored || isHeld
            // The program says what it wants under that name.
            file.recovery = nil
        }
        let now = clock.monotonic()
        changes.record(file: source, holder.map { .held($0) } ?? .absent, at: now)
        changes.record(file: destination, .present(node), at: now)
    }

    /// The name of an unsent file may have a blob: what the file replaced, or a commit of it whose answer was lost. It would
    /// be there again under the old name. That of an unlinked file that is open stays until the last handle is gone: that
    /// file is the answer.
    private func removeCovered(by node: FileNode) async throws(FileSystemError) -> FileNode? {
        let (source, local, covers, isRecovered) = node.withState {
            ($0.address, $0.local, $0.coversStoredBlob, $0.recovery != nil)
        }
        guard covers, let local else { return nil }
        if let holder = held.holder(of: source) { return holder }
        var known: ETag?
        if case .version(let etag) = local.known { known = etag }
        do throws(StorageError) {
            if !isRecovered {
                try await deleteNamed(source, known: known)
            } else if let known {
                // Whatever else is there is somebody's who wrote it since.
                try await store.delete(source, condition: .matches(known))
            }
        } catch {
            guard error.kind == .notFound || isRecovered && error.isOvertaken else {
                throw failure(error, "rename", source.description)
            }
        }
        await local.noteDeleted()
        return nil
    }

    /// Whoever may not delete would be left with two files. Asked before the first rename in a container, by a delete
    /// of a version that cannot be: permissions are looked at before conditions.
    func requireDeleteRight(for blob: BlobAddress, operation: String = "rename") async throws(FileSystemError) {
        guard !rights.permitsDelete(in: blob.container) else { return }
        do throws(StorageError) { try await store.delete(blob, condition: .matches(ETag("\"0x0\""))) } catch {
            if error.kind == .denied { throw failure(error, operation, blob.description) }
            guard error.kind == .conditionFailed || error.kind == .notFound else { return }
        }
        rights.learnDelete(in: blob.container)
    }

    private func copyThenDelete(
        _ node: FileNode,
        from source: BlobAddress,
        to destination: BlobAddress,
        over replaced: ReplacedFile,
        _ flags: RenameFlags
    ) async throws(FileSystemError) {
        let before = node.withState { $0 }
        guard let facts = before.facts else { return }
        // The blob of an unlinked file that somebody still has open is no file's that could be in the way.
        let mustBeNew = flags.contains(.noReplace) && !changes.holdsBlob(destination)
        do throws(StorageError) {
            // Who appends to a log changes nothing of what it carries beside its bytes, and need not know all of it.
            let known = before.properties.flatMap { $0.version.etag == facts.etag && $0.type == .block ? $0 : nil }
            let copied = try await copy(
                source,
                facts.etag,
                known: known,
                to: destination,
                condition: mustBeNew ? .absent : condition(over: replaced, destination)
            )
            let properties = try await nameType(of: copied, destination)
            if let existing = replaced.node, existing.id != node.id { supersede(existing) }
            follow(node, to: destination, properties, from: RenameOrigin(address: source, etag: facts.etag))
            changes.record(file: destination, .present(node), at: clock.monotonic())
            do throws(StorageError) { try await store.delete(source, condition: .matches(facts.etag)) } catch {
                if try await isThere(source) {
                    // A delete whose answer is missing may still be carried out: then only the copy is certain.
                    let isRefused = error.persistence == .permanent && error.kind != .cancelled
                    if isRefused {
                        await keep(node, as: before, insteadOf: destination, properties.version, replaced)
                    } else {
                        changes.forget(file: source)
                    }
                    throw error
                }
            }
            node.withState { $0.renamedFrom = nil }
            changes.record(file: source, .absent, at: clock.monotonic())
            await removePassingMarkers(above: destination)
        } catch {
            if error.kind == .conditionFailed, let answer = await replacement(of: node, source) { throw answer }
            throw failure(error, "rename", source.description, pinned: error.kind == .conditionFailed)
        }
    }

    /// Somebody else changed the source since it was looked up. The kernel tries once more: by then its name has to
    /// mean what is there now. `nil` if the store cannot tell.
    func replacement(of node: FileNode, _ source: BlobAddress) async -> FileSystemError? {
        let startedAt = clock.monotonic()
        do throws(StorageError) {
            let properties = try await store.properties(of: source)
            return replaced(source, by: FileFacts(properties), startedAt: startedAt)
        } catch {
            guard error.kind == .notFound else { return nil }
            noteAbsence(of: node, since: startedAt)
            return FileSystemError(errno: ESTALE, "\(source) was removed since it was looked up")
        }
    }

    /// "Write a temporary file, rename it" must not leave every file with the temporary name's type: a copy without a
    /// type of its own gets that of its new name.
    func nameType(
        of properties: BlobProperties,
        _ blob: BlobAddress
    ) async throws(StorageError) -> BlobProperties {
        let type = ContentTypes.type(forName: blob.name)
        guard properties.contentType == nil || properties.contentType == ContentTypes.unknown,
            type != ContentTypes.unknown
        else { return properties }
        var headers = BlobHeaders(of: properties)
        headers.contentType = type
        do throws(StorageError) {
            var named = properties
            let condition = VersionCondition.matches(properties.version.etag)
            named.version = try await store.setProperties(headers, of: blob, condition: condition)
            named.contentType = type
            return named
        } catch {
            logger.warning("rename \(blob): it keeps the type of its old name: \(error)")
            // Done or not: only the store knows which version there is now.
            return try await store.properties(of: blob)
        }
    }

    private func isThere(_ blob: BlobAddress) async throws(StorageError) -> Bool {
        do throws(StorageError) { _ = try await store.properties(of: blob) } catch {
            guard error.kind == .notFound else { throw error }
            return false
        }
        return true
    }

    /// The same bytes under another name and version: handles go on there. `origin`: where they are still.
    func follow(
        _ node: FileNode,
        to destination: BlobAddress,
        _ properties: BlobProperties,
        from origin: RenameOrigin? = nil
    ) {
        let (now, version) = (clock.monotonic(), properties.version)
        renameLocalCopy(of: node, to: destination, version.etag)
        nodes.move(node, to: destination) { file in
            let old = file.facts?.etag
            file.renamedFrom = origin
            file.local?.move(to: destination, version: version)
            file.facts = FileFacts(properties)
            file.properties = properties
            file.reader = nil
            if file.openCount > 0, file.local?.needsBase != false {
                file.reader = BlobReader(cache: cache, blob: destination, properties: properties)
            }
            file.pageCacheVersion = file.pageCacheVersion == old ? version.etag : nil
            file.learnedAt = now
        }
    }

    /// The source is still there, as it is leased or somebody changed it. The file stays what it was, and a copy that
    /// replaced nothing goes.
    private func keep(
        _ node: FileNode,
        as before: FileState,
        insteadOf destination: BlobAddress,
        _ copied: BlobVersion,
        _ replaced: ReplacedFile
    ) async {
        nodes.move(node, to: before.address) { file in
            file.local?.move(
                to: before.address,
                version: before.facts.map { BlobVersion(etag: $0.etag, lastModified: $0.lastModified) }
            )
            file.facts = before.facts
            file.properties = before.properties
            file.reader = before.reader
            file.pageCacheVersion = before.pageCacheVersion
            file.renamedFrom = nil
        }
        changes.record(file: before.address, .present(node), at: clock.monotonic())
        changes.forget(file: destination)
        guard !replaced.isThere else { return }
        do throws(StorageError) { try await store.delete(destination, condition: .matches(copied.etag)) } catch {
            logger.warning("rename \(before.address): its copy \(destination) stays: \(error)")
        }
    }

    /// Copies over whatever has the name; `condition` says what that is, as far as anybody knows. A copy keeps the blob's
    /// type; another type in its place has to go first, for which there is no single step.
    func copy(
        _ source: BlobAddress,
        _ etag: ETag,
        known: BlobProperties? = nil,
        to destination: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties {
        let copy = { [store] (condition: VersionCondition) async throws(StorageError) -> BlobProperties in
            try await store.copy(
                source,
                sourceCondition: .matches(etag),
                known: known,
                to: destination,
                metadata: nil,
                condition: condition
            )
        }
        return try await replacing(destination, condition) { (named) throws(StorageError) in
            do throws(StorageError) { return try await copy(named) } catch {
                guard condition != .absent, error.kind == .conflict, error.code == "InvalidBlobType" else {
                    throw error
                }
                try await makeRoom(at: destination, named)
                return try await copy(.vacant)
            }
        }
    }

    /// What the new name means now; or why it must stay.
    private func replaceableFile(
        _ name: FileName,
        _ destination: BlobAddress,
        in directory: DirectoryNode,
        flags: RenameFlags
    ) async throws(FileSystemError) -> ReplacedFile {
        switch try await locate(name, in: directory) {
        case .absent: return ReplacedFile(node: nodes.file(at: destination), version: nil, isThere: false)
        case .directory: throw FileSystemError(errno: EISDIR, "\(name) is a directory")
        case .selfLink: throw FileSystemError(errno: EPERM, "self belongs to the mount")
        case .file(_, let facts, _):
            if flags.contains(.noReplace) { throw FileSystemError(errno: EEXIST, "\(name) is there") }
            return ReplacedFile(node: nodes.file(at: destination), version: facts.etag, isThere: true)
        case .node:
            if flags.contains(.noReplace) { throw FileSystemError(errno: EEXIST, "\(name) is there") }
            return ReplacedFile(node: nodes.file(at: destination), version: nil, isThere: true)
        }
    }

    /// The version that a renamed file takes the place of. Of a file in hand: what it is now that its lock is held.
    func condition(over replaced: ReplacedFile, _ destination: BlobAddress) -> VersionCondition {
        let version = replaced.node?.withState { $0.facts?.etag } ?? replaced.version ?? heldVersion(of: destination)
        return version.map { .matches($0) } ?? .vacant
    }

    /// Another file took this one's name: its open handles read on as far as their bytes are here.
    func supersede(_ node: FileNode) {
        let (local, isOpen) = node.withState { file -> (DirtyFile?, Bool) in
            file.isUnlinked = true
            // Its blob is the other file's now: nothing of this one is left to delete.
            file.facts = nil
            return (file.local, file.openCount > 0)
        }
        nodes.detach(node)
        if isOpen { local?.stopUploading() } else { local?.discard() }
        unsent.removeIfSent(node)
    }
}

/// What a rename replaces.
struct ReplacedFile {
    /// The node that has the name now; also one whose blob somebody elsewhere removed.
    var node: FileNode?
    /// Of a file that has no node.
    var version: ETag?
    /// Whether the name means a file: in the store, or on this mount only.
    var isThere: Bool
}
