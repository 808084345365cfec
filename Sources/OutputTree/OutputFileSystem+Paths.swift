import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel
import Glibc
import Logging
import OutputConventions

/// Names in a hierarchical namespace: what is many requests elsewhere is one step of the store's here.
extension OutputFileSystem {
    // MARK: Making and removing

    /// mkdir: the store says whether the name was free.
    func makePath(
        _ place: TreePlace,
        _ directory: BlobAddress,
        permissions: UInt16,
        caller: Caller
    ) async throws(FileSystemError) -> FileFacts {
        if let holder = held.holder(of: directory) { _ = await attemptRemoval(holder) }
        var pending = PendingAttributes()
        setOwner(&pending, permissions: permissions, caller: caller, default: options.directoryPermissions)
        var metadata: BlobMetadata = [:]
        pending.apply(to: &metadata, kind: .directory, options: options)
        do throws(StorageError) {
            let version = try await store.makeDirectory(directory, metadata: metadata)
            var properties = BlobProperties(version: version, length: 0, metadata: metadata)
            properties.isDirectory = true
            let (facts, now) = (FileFacts(properties), clock.monotonic())
            changes.record(file: directory, .absent, at: now)
            changes.record(folder: directory, .present(LocalChanges.Marker(facts: facts, storedAt: now)), at: now)
            return facts
        } catch { throw failure(error, "mkdir", directory.description) }
    }

    /// rmdir: the store says whether the directory is empty.
    func removePath(_ place: TreePlace, _ name: FileName) async throws(FileSystemError) {
        guard let contents = place.contents, let directory = place.markerBlob else {
            throw FileSystemError(errno: EPERM, "\(name) belongs to the tree")
        }
        guard unsent.files(below: contents).isEmpty else {
            throw FileSystemError(errno: ENOTEMPTY, "\(name) is not empty")
        }
        // A task's kinds are shown whether or not they are there, and go with it when they are empty.
        for (_, kind) in place.planned(views: options.views).fixed {
            if let path = kind.markerBlob { try await removeDirectory(path) }
        }
        let unlinked = heldFiles(below: contents)
        guard !unlinked.isEmpty else { return try await removeDirectory(directory) }
        // Of files that are unlinked and open the blobs are still there; where nothing else is, they go now.
        try await requireEmpty(place, name)
        for node in unlinked { _ = await attemptRemoval(node) }
        try await removeDirectory(directory)
    }

    /// Nothing is to be done where it is gone.
    private func removeDirectory(_ directory: BlobAddress) async throws(FileSystemError) {
        do throws(StorageError) { try await store.removeDirectory(directory, recursively: false) } catch {
            guard error.kind != .notFound else { return }
            throw failure(error, "rmdir", directory.description)
        }
    }

    /// Unlinked while they are open, with the blob still there.
    func heldFiles(below prefix: BlobAddress) -> [FileNode] {
        held.all.map(\.node).filter { node in
            let address = node.address
            return address.container == prefix.container && address.name.utf8.starts(with: prefix.name.utf8)
        }
    }

    // MARK: Renaming

    /// One request; it either took place, or nothing did.
    func moveBlob(
        of node: FileNode,
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
            let replacing = mustBeNew ? .absent : condition(over: replaced, destination)
            let version = try await self.replacing(destination, replacing) { (condition) throws(StorageError) in
                try await store.renamePath(source, .file(facts.etag), to: destination, condition: condition)
            }
            let moved = try await properties(of: destination, version, asBefore: before.properties, facts.etag)
            let properties = try await nameType(of: moved, destination)
            if let existing = replaced.node, existing.id != node.id { supersede(existing) }
            follow(node, to: destination, properties)
            let now = clock.monotonic()
            changes.record(file: destination, .present(node), at: now)
            changes.record(file: source, .absent, at: now)
        } catch {
            if error.kind == .conditionFailed, let answer = await replacement(of: node, source) { throw answer }
            throw renameFailure(error, from: source, to: destination, pinned: error.kind == .conditionFailed)
        }
    }

    /// All that the store says of a file that was renamed: nothing but its name has changed.
    private func properties(
        of destination: BlobAddress,
        _ version: BlobVersion,
        asBefore known: BlobProperties?,
        _ etag: ETag
    ) async throws(StorageError) -> BlobProperties {
        guard var known, known.version.etag == etag else { return try await store.properties(of: destination) }
        known.version = version
        return known
    }

    /// A directory with all below it. One that is in its place and empty goes first, since the store is asked to replace
    /// no directory at all: that none is lost that somebody put a file into.
    func movePath(
        _ move: DirectoryMove,
        _ facts: FileFacts?,
        over replaced: TreePlace?,
        _ newName: FileName
    ) async throws(FileSystemError) {
        guard let source = move.place.markerBlob, let destination = move.destination.markerBlob else { return }
        if let replaced { try await removePath(replaced, newName) }
        for node in heldFiles(below: move.from) { _ = await attemptRemoval(node) }
        let below = files(below: move.from)
        try await below.withChangesLocked { () async throws(FileSystemError) in
            // What is on this mount only has to be in the store to be found there.
            for node in below where node.withState({ $0.hasUnsentChanges && $0.facts != nil }) {
                try await commitLocked(node, placesUntouched: true)
            }
            do throws(StorageError) {
                try await moveDirectory(move, facts, source, destination)
            } catch {
                if replaced != nil { _ = try? await store.makeDirectory(destination, metadata: [:]) }
                changes.forget(folder: source)
                changes.forget(folder: destination)
                throw renameFailure(error, from: source, to: destination)
            }
            moveFiles(below, move)
            nodes.moveDirectories { move.target(of: $0) }
            let now = clock.monotonic()
            // What was known of a directory there is no longer true.
            changes.record(folder: destination, .absent, at: now)
            let marker = facts.map { LocalChanges.Marker(facts: $0, storedAt: now) }
            changes.record(folder: destination, .present(marker), at: now)
            changes.record(folder: source, .absent, at: now)
        }
    }

    private func moveDirectory(
        _ move: DirectoryMove,
        _ facts: FileFacts?,
        _ source: BlobAddress,
        _ destination: BlobAddress
    ) async throws(StorageError) {
        do throws(StorageError) {
            _ = try await store.renamePath(source, .directory(facts?.etag), to: destination, condition: .absent)
        } catch {
            // A kind that is shown and was never made, or a directory that has only what was not sent yet.
            guard error.kind == .notFound, move.isOfKind || unsent.hasFiles(below: move.from) else { throw error }
            _ = try await store.makeDirectory(destination, metadata: [:])
        }
    }

    /// Open and known files follow. Their versions are what they were.
    private func moveFiles(_ files: [FileNode], _ move: DirectoryMove) {
        let now = clock.monotonic()
        for node in files {
            let old = node.address
            let new = move.target(of: old)
            nodes.move(node, to: new) { file in
                file.local?.move(
                    to: new,
                    version: file.facts.map { BlobVersion(etag: $0.etag, lastModified: $0.lastModified) }
                )
                file.reader = file.reader.flatMap { _ in file.properties }.map {
                    BlobReader(cache: cache, blob: new, properties: $0)
                }
            }
            changes.record(file: old, .absent, at: now)
            if node.hasUnsentContent { changes.record(file: new, .present(node), at: now) }
        }
    }

    /// A rename is sent again, and its source is gone: the process that had it was killed behind the deed. The directories
    /// that the kernel knows, and the files in them that are open, go on under the new name.
    func followDirectory(
        _ name: FileName,
        in source: DirectoryNode,
        to newName: FileName,
        in target: DirectoryNode
    ) async throws(FileSystemError) {
        let place: TreePlace
        switch resolve(name, in: source.place) {
        case .folder(let folder), .either(_, let folder): place = folder
        case .fixed, .container, .file, .gathered, .impossible: return
        }
        guard case .directory(let destination, _) = try await locate(newName, in: target),
            let from = place.contents, let to = destination.contents
        else { return }
        let move = DirectoryMove(from: from, to: to, place: place, destination: destination)
        // Elsewhere the files have other versions now.
        if case .hierarchical = store.namespace { moveFiles(files(below: from), move) }
        nodes.moveDirectories { move.target(of: $0) }
        if let marker = place.markerBlob { changes.record(folder: marker, .absent, at: clock.monotonic()) }
    }

    /// Whether it took place is not always known: then the store is asked what the names are.
    private func renameFailure(
        _ error: StorageError,
        from source: BlobAddress,
        to destination: BlobAddress,
        pinned: Bool = false
    ) -> FileSystemError {
        if error.persistence != .permanent || error.kind == .cancelled {
            changes.forget(file: source)
            changes.forget(file: destination)
        }
        // Programs copy what cannot be renamed across file systems.
        if source.container != destination.container, error.kind == .invalid || error.kind == .conflict {
            return FileSystemError(errno: EXDEV, "\(error)")
        }
        return failure(error, "rename", source.description, pinned: pinned)
    }

    // MARK: Reading on

    /// Whether a file whose blob is not where it was is being renamed, or was. In one step the old name is gone, before
    /// this mount knows that the new one is there: a rename holds the file's lock as long.
    func hasMoved(_ node: FileNode, from address: BlobAddress) async -> Bool {
        guard case .hierarchical = store.namespace else { return false }
        try? await node.changes.withLock { () async throws(FileSystemError) in }
        return node.address != address
    }
}

extension DirectoryMove {
    /// Whether what moves is one of the kinds that each job and task has without their being made.
    fileprivate var isOfKind: Bool {
        guard case .folder(.jobs, _, let prefix) = place else { return false }
        return prefix.split(separator: "/").last?.first == "$"
    }
}
