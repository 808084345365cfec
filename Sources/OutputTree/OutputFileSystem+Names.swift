import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import OutputConventions

extension OutputFileSystem {
    // MARK: Making

    package func mknod(
        _ request: consuming Request<Entry>,
        _ name: FileName,
        in parent: NodeID,
        permissions: UInt16
    ) {
        let caller = request.caller
        do throws(FileSystemError) {
            try requireWritable()
            let directory = try directoryNode(parent)
            let address = try newBlob(name, in: directory)
            request.later { [self] () async throws(FileSystemError) in
                try await requireUnconfirmed(address, "mknod")
                let node = try makeFile(name, in: directory, permissions: permissions, caller: caller, mustBeNew: true)
                // No descriptor and so no close follows: the empty file is in the store when mknod answers.
                do throws(FileSystemError) { try await commit(node, placesUntouched: true) } catch {
                    removeLocally(node)
                    nodes.forget(node.id, count: 1)
                    throw error
                }
                settle(node)
                return entry(node)
            }
        } catch { request.fail(error) }
    }

    package func mkdir(
        _ request: consuming Request<Entry>,
        _ name: FileName,
        in parent: NodeID,
        permissions: UInt16
    ) {
        let caller = request.caller
        do throws(FileSystemError) {
            try requireWritable()
            let directory = try directoryNode(parent)
            let place = try newDirectory(name, in: directory)
            request.later { [self] () async throws(FileSystemError) in
                if case .container(let view, let container) = place {
                    try await makeContainer(container, jobID: view == .jobs ? name.string : nil)
                    return entry(nodes.lookUp(directory: place, facts: nil))
                }
                if let contents = place.contents { try await requireUnconfirmed(contents, "mkdir") }
                let facts = try await makeMarker(place, permissions: permissions, caller: caller)
                let made = nodes.lookUp(directory: place, facts: facts)
                // What was just made is empty: the first names in it need no request.
                let now = clock.monotonic()
                let fixed = place.planned(views: options.views).fixed.map { name, place in
                    SnapshotEntry(name: FileName(name), place: place, facts: nil)
                }
                let empty = DirectorySnapshot(entries: fixed, startedAt: now, isComplete: true)
                if let node = nodes.directory(made.id) { remember(DirectoryListing(of: place, empty), of: node) }
                return entry(made)
            }
        } catch { request.fail(error) }
    }

    /// The place that a new directory of this name is, or why there can be none.
    func newDirectory(_ name: FileName, in directory: DirectoryNode) throws(FileSystemError) -> TreePlace {
        let place = directory.place
        if let problem = obstacle(toMaking: name, in: place) {
            throw FileSystemError(problem, name: name)
        }
        switch resolve(name, in: place) {
        case .fixed, .file: throw FileSystemError(errno: EEXIST, "\(name) is there")
        case .impossible(let problem): throw FileSystemError(problem, name: name)
        case .container(let target):
            if let only = options.onlyContainer, target.contents?.container != only {
                throw FileSystemError(errno: EPERM, "\(name): the mount holds the container \(only) only")
            }
            return target
        case .folder(let folder), .either(_, let folder): return folder
        case .gathered: throw FileSystemError(.gathered, name: name)
        }
    }

    private func makeContainer(_ container: String, jobID: String?) async throws(FileSystemError) {
        var metadata: BlobMetadata = [:]
        // The true id, where it says more than the container's name; header values are ASCII.
        if let jobID, jobID.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) { metadata[Self.jobIDKey] = jobID }
        do throws(StorageError) {
            _ = try await store.createContainer(container, metadata: metadata)
        } catch { throw failure(error, "mkdir", container) }
        changes.record(container: container, jobID: jobID, at: clock.monotonic())
    }

    private func makeMarker(
        _ place: TreePlace,
        permissions: UInt16,
        caller: Caller
    ) async throws(FileSystemError) -> FileFacts {
        guard let marker = place.markerBlob else {
            throw FileSystemError(errno: EINVAL, "no blob can keep a directory of this name alive")
        }
        if case .hierarchical = store.namespace(of: marker.container) {
            return try await makePath(place, marker, permissions: permissions, caller: caller)
        }
        if case .success(true) = await folderExistence(place) {
            throw FileSystemError(errno: EEXIST, "\(marker) is there")
        }
        var pending = PendingAttributes()
        setOwner(&pending, permissions: permissions, caller: caller, default: options.directoryPermissions)
        pending.modificationTime = clock.wall()
        var metadata: BlobMetadata = ["hdi_isfolder": "true"]
        pending.apply(to: &metadata, kind: .directory, options: options)
        do throws(StorageError) {
            let headers = BlobHeaders(metadata: metadata)
            let version = try await replacing(marker, newName(marker)) { (condition) throws(StorageError) in
                try await store.putBlob(marker, .empty, headers: headers, condition: condition)
            }
            changes.record(file: marker, .absent, at: clock.monotonic())
            let facts = FileFacts(BlobProperties(version: version, length: 0, metadata: metadata))
            noteMarker(marker, version.etag)
            let now = clock.monotonic()
            changes.record(folder: marker, .present(LocalChanges.Marker(facts: facts, storedAt: now)), at: now)
            return facts
        } catch { throw failure(error, "mkdir", marker.description) }
    }

    /// For a name that is free here. A blob that is only there for those who have it open gives way: from then on they
    /// read what is in memory, or ESTALE.
    private func newName(_ address: BlobAddress) -> VersionCondition {
        guard changes.holdsBlob(address) else { return .absent }
        return heldVersion(of: address).map { .matches($0) } ?? .vacant
    }

    // MARK: Symbolic links

    package func symlink(
        _ request: consuming Request<Entry>,
        _ name: FileName,
        in parent: NodeID,
        target: String
    ) {
        let caller = request.caller
        do throws(FileSystemError) {
            try requireWritable()
            let address = try newBlob(name, in: try directoryNode(parent))
            var pending = PendingAttributes()
            setOwner(&pending, permissions: 0o777, caller: caller, default: 0o777)
            pending.modificationTime = clock.wall()
            var metadata: BlobMetadata = ["is_symlink": "true"]
            pending.apply(to: &metadata, kind: .symbolicLink, options: options)
            let (headers, body) = (BlobHeaders(contentType: "text/plain", metadata: metadata), Array(target.utf8))
            request.later { [self] () async throws(FileSystemError) in
                try await requireUnconfirmed(address, "symlink")
                do throws(StorageError) {
                    let version = try await replacing(address, newName(address)) { (condition) throws(StorageError) in
                        try await store.putBlob(address, UploadBody(body), headers: headers, condition: condition)
                    }
                    let now = clock.monotonic()
                    let properties = BlobProperties(
                        version: version,
                        length: UInt64(body.count),
                        metadata: headers.metadata
                    )
                    let node = nodes.lookUpNode(file: address, facts: FileFacts(properties), startedAt: now)
                    node.withState { $0.linkTarget = target }
                    changes.record(file: address, .present(node), at: now)
                    return entry(node)
                } catch { throw failure(error, "symlink", address.description) }
            }
        } catch { request.fail(error) }
    }

    package func readlink(_ request: consuming Request<String>, _ node: NodeID) {
        switch nodes[node] {
        case .selfLink:
            guard let target = SelfLink.target(ofProcess: request.caller.processID) else {
                let reason = "the reader's environment names no AZ_BATCH_JOB_ID and AZ_BATCH_TASK_ID"
                request.fail(FileSystemError(errno: ENOENT, reason))
                return
            }
            request.succeed(target)
        case .file(let file):
            let (kind, target) = file.withState { ($0.kind, $0.linkTarget) }
            guard kind == .symbolicLink else {
                request.fail(FileSystemError(errno: EINVAL, "not a symbolic link"))
                return
            }
            if let target {
                request.succeed(target)
                return
            }
            request.later { [self] () async throws(FileSystemError) in
                let target = try await readTarget(of: file)
                file.withState { $0.linkTarget = target }
                return target
            }
        case .directory, nil: request.fail(FileSystemError(errno: EINVAL, "not a symbolic link"))
        }
    }

    private func readTarget(of node: FileNode) async throws(FileSystemError) -> String {
        let (address, length) = node.withState { ($0.address, $0.facts?.length ?? 0) }
        // PATH_MAX; a longer one could not be followed.
        guard length > 0, length <= 4096 else {
            throw FileSystemError(errno: EIO, "\(address): a link's target has 1 to 4096 bytes, this has \(length)")
        }
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try await store.readAll(address, length: Int(length)) } catch {
            throw failure(error, "readlink", address.description)
        }
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            throw FileSystemError(errno: EIO, "\(address): a link's target must be text without NUL")
        }
        return text
    }

    // MARK: Removing

    package func unlink(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID) {
        do throws(FileSystemError) {
            try requireWritable()
            let directory = try directoryNode(parent)
            request.later { [self] () async throws(FileSystemError) in
                try await unlink(name, in: directory)
                return Done()
            }
        } catch { request.fail(error) }
    }

    private func unlink(_ name: FileName, in directory: DirectoryNode) async throws(FileSystemError) {
        let (address, version) = try await existingFile(name, in: directory)
        try requireBlob(address)
        try await requireRemovable(address, in: directory.place, "unlink")
        // The directories must not vanish under the feet of `rm -r` with the last file in them.
        changes.recordDirectories(above: address, at: clock.monotonic())
        defer { noteRemoval(in: directory) }
        guard let node = nodes.file(at: address) else {
            try await delete(address, version)
            return
        }
        try await unlink(node, at: address)
    }

    func unlink(_ node: FileNode, at address: BlobAddress) async throws(FileSystemError) {
        try await node.changes.withLock { () async throws(FileSystemError) in
            let (isOpen, version, covers, isRead) = node.withState {
                ($0.openCount > 0, $0.facts?.etag, $0.coversStoredBlob, $0.readsStoredBlob)
            }
            let isStored = version != nil
            if isRead {
                // Who has it open reads on: the blob goes when the last handle does. Nobody hears of a failure then.
                try await requireDeleteRight(for: address, operation: "unlink")
                try await holdBlob(of: node)
                removeLocally(node, holdsBlob: true)
                // Closed while the right was asked for: that close found nothing to remove.
                if node.withState({ $0.openCount == 0 }) { removeNow(node) }
                return
            }
            // What an unsent file covers may be the blob of an unlinked one that somebody still has open.
            let holder = isStored ? nil : held.holder(of: address)
            if isStored || (covers && holder == nil) { try await delete(address, version) }
            removeLocally(node)
            if let holder { changes.record(file: address, .held(holder), at: clock.monotonic()) }
            if !isOpen { settle(node) }
        }
    }

    private func delete(_ address: BlobAddress, _ version: ETag?) async throws(FileSystemError) {
        do throws(StorageError) { try await deleteNamed(address, known: version) } catch {
            throw failure(error, "unlink", address.description)
        }
        changes.record(file: address, .absent, at: clock.monotonic())
    }

    /// The name is gone on this mount.
    func removeLocally(_ node: FileNode, holdsBlob: Bool = false) {
        let (address, local) = node.withState { file -> (BlobAddress, DirtyFile?) in
            file.isUnlinked = true
            file.isRemovalPending = holdsBlob
            // Who has it open reads and writes on; nothing of it goes to the store any more.
            if file.openCount > 0 { file.local?.stopUploading() }
            return (file.address, file.openCount == 0 ? file.local : nil)
        }
        nodes.detach(node)
        local?.discard()
        unsent.removeIfSent(node)
        changes.record(file: address, holdsBlob ? .held(node) : .absent, at: clock.monotonic())
    }

    /// The last handle of an unlinked file is gone: now the store may forget it.
    func removeNow(_ node: FileNode) {
        let (local, reader) = node.withState { file in
            defer {
                file.local = nil
                file.reader = nil
            }
            return (file.local, file.reader)
        }
        local?.discard()
        reader?.close()
        // What was written after the unlink was noted as unsent.
        unsent.removeIfSent(node)
        nodes.settle(node)
        if held.contains(node) { removeHeldBlob(node) }
    }

    /// The blob of a file that is there; the errno that unlink and rename owe otherwise.
    func existingFile(
        _ name: FileName,
        in directory: DirectoryNode
    ) async throws(FileSystemError) -> (BlobAddress, ETag?) {
        switch try await locate(name, in: directory) {
        case .file(let address, let facts, _): return (address, facts.etag)
        case .node(let node): return node.withState { ($0.address, $0.facts?.etag) }
        case .directory: throw FileSystemError(errno: EISDIR, "\(name) is a directory")
        case .selfLink: throw FileSystemError(errno: EPERM, "self belongs to the mount")
        case .absent: throw FileSystemError(errno: ENOENT, "\(name) is not there")
        }
    }

    package func rmdir(_ request: consuming Request<Done>, _ name: FileName, in parent: NodeID) {
        do throws(FileSystemError) {
            try requireWritable()
            let directory = try directoryNode(parent)
            request.later { [self] () async throws(FileSystemError) in
                try await rmdir(name, in: directory)
                return Done()
            }
        } catch { request.fail(error) }
    }

    private func rmdir(_ name: FileName, in directory: DirectoryNode) async throws(FileSystemError) {
        defer {
            noteRemoval(in: directory)
            // Other directories are laid over a listing; of these only the listing tells.
            if directory.place.gathered != nil { directory.withState { $0.listing = nil } }
        }
        guard let place = try await removableDirectory(name, in: directory) else { return }
        if let contents = place.contents { try await requireRemovable(contents, in: directory.place, "rmdir") }
        if let container = place.contents?.container, case .hierarchical = store.namespace(of: container) {
            try await removePath(place, name)
        } else {
            try await requireEmpty(place, name)
            try await removeMarkers(of: place)
        }
        guard let marker = place.markerBlob else { return }
        changes.record(folder: marker, .absent, at: clock.monotonic())
        changes.recordDirectories(above: marker, at: clock.monotonic())
        nodes.directory(at: place)?.withState { $0.listing = nil }
    }

    private func removeMarkers(of place: TreePlace) async throws(FileSystemError) {
        guard let marker = place.markerBlob else { return }
        try await removeMarker(marker) { $0.isDirectoryMarker }
        if let slashMarker = place.slashMarkerBlob { try await removeMarker(slashMarker) { $0.length == 0 } }
    }

    /// The place that the name of a directory means; `nil` where removing it changes nothing.
    private func removableDirectory(
        _ name: FileName,
        in directory: DirectoryNode
    ) async throws(FileSystemError) -> TreePlace? {
        switch resolve(name, in: directory.place) {
        case .fixed(let fixed):
            // Predefined kinds and `tasks` are always there: removing an empty one changes nothing.
            guard case .folder = fixed else {
                if case .tasks = fixed {
                    try await requireEmpty(fixed, name)
                    return nil
                }
                throw FileSystemError(errno: EPERM, "\(name) belongs to the tree")
            }
            return fixed
        case .container:
            throw FileSystemError(
                errno: EPERM,
                "\(name): no file operation deletes a container; delete it with the storage account's own tools"
            )
        case .folder(let folder), .either(_, let folder): return folder
        case .file: throw FileSystemError(errno: ENOTDIR, "\(name) is a file")
        case .gathered(let gathered): return try await removableDirectory(name, in: gathered)
        case .impossible(let problem): throw FileSystemError(problem, name: name)
        }
    }

    /// Deletes the blob that keeps a directory alive, in the version that is one: a blob of the same name that has bytes
    /// is a file beside the directory, and stays.
    private func removeMarker(
        _ blob: BlobAddress,
        where isMarker: (FileFacts) -> Bool
    ) async throws(FileSystemError) {
        do throws(StorageError) {
            let facts = FileFacts(try await store.properties(of: blob))
            guard isMarker(facts) else { return }
            try await store.delete(blob, condition: .matches(facts.etag))
        } catch {
            guard error.kind != .notFound else { return }
            throw failure(error, "rmdir", blob.description)
        }
    }

    /// ENOTEMPTY if anything lives in the directory, here or in the store.
    func requireEmpty(_ place: TreePlace, _ name: FileName) async throws(FileSystemError) {
        let notEmpty = FileSystemError(errno: ENOTEMPTY, "\(name) is not empty")
        guard let contents = place.contents else { throw FileSystemError(errno: EPERM, "\(name) belongs to the tree") }
        let own = place.slashMarker?.name ?? ""
        // `tasks` lists the whole container, of which the job's own kinds are no task.
        let isTasks = if case .tasks = place { true } else { false }
        if !isTasks, !unsent.files(below: contents).isEmpty { throw notEmpty }
        let removed = clock.monotonic() - options.attributeValidity
        let found: BlobAddress?
        do throws(StorageError) {
            found = try await firstBlob(in: contents, pageSize: isTasks ? nil : 2) { address, length in
                // With bytes it is a file that happens to be named so.
                if length == 0, address.name.utf8.elementsEqual(own.utf8) { return false }
                if isTasks, address.name.utf8.first == UInt8(ascii: "$") { return false }
                // There is no file of that name: it marks a directory that was made here a moment ago.
                if case .present = changes.folder(address, since: removed) { return true }
                // A listing may still show what was removed here a moment ago.
                switch changes.file(address, since: removed) {
                case .absent, .held: return false
                case .present, .stored, nil: return true
                }
            }
        } catch { throw failure(error, "rmdir", error.resource) }
        if found != nil { throw notEmpty }
    }

    private func firstBlob(
        in contents: BlobAddress,
        pageSize: Int?,
        where counts: (_ blob: BlobAddress, _ length: UInt64) -> Bool
    ) async throws(StorageError) -> BlobAddress? {
        let query = BlobQuery(container: contents.container, prefix: contents.name, pageSize: pageSize)
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            for item in page.items {
                guard case .blob(let name, let properties) = item else { continue }
                let address = BlobAddress(container: contents.container, name: name)
                if counts(address, properties.length) { return address }
            }
            marker = page.next
        } while marker != nil
        return nil
    }
}

extension TreePlace {
    var slashMarkerBlob: BlobAddress? { slashMarker.map { BlobAddress(container: $0.container, name: $0.name) } }
}
