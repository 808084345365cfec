import BlobStorage
package import FileSystemModel
import Glibc
import OutputConventions

extension OutputFileSystem {
    package func opendir(_ request: consuming Request<Opened>, _ node: NodeID) {
        do throws(FileSystemError) {
            let handle = handles.insert(DirectoryHandle(node: try directoryNode(node)))
            request.succeed(Opened(handle: handle))
        } catch { request.fail(error) }
    }

    package func readdir(
        _ request: consuming DirectoryRequest,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64
    ) {
        guard let handle = handles.directory(handle) else {
            request.fail(FileSystemError(errno: EBADF, "no open directory"))
            return
        }
        // A rewind reads the directory anew, as rewinddir(3) promises.
        if offset == 0 { handle.pin(nil) }
        if let listing = handle.pinned ?? pinFromMemory(handle) {
            request.now { buffer in fill(buffer, handle, listing, offset) }
            return
        }
        request.later { [self] (buffer) async throws(FileSystemError) in
            fill(buffer, handle, pin(try await snapshot(of: handle.node), handle), offset)
        }
    }

    package func fsyncdir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        // Names are in the store before mkdir, rename and unlink answer: there is nothing left to do.
        request.succeed(Done())
    }

    package func releasedir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        handles.removeDirectory(handle)
        request.succeed(Done())
    }

    // MARK: Filling

    private func pin(_ snapshot: DirectorySnapshot, _ handle: DirectoryHandle) -> PinnedListing {
        let listing = PinnedListing(entries: merged(snapshot, of: handle.node), startedAt: snapshot.startedAt)
        handle.pin(listing)
        return listing
    }

    private func pinFromMemory(_ handle: DirectoryHandle) -> PinnedListing? {
        let since = clock.monotonic() - options.attributeValidity
        let snapshot = handle.node.withState { state -> DirectorySnapshot? in
            guard let snapshot = state.snapshot, snapshot.startedAt >= since else { return nil }
            return snapshot
        }
        return snapshot.map { pin($0, handle) }
    }

    /// Offsets: 0 is ".", 1 is "..", 2 + n the n-th entry of what was pinned.
    private func fill(
        _ buffer: any DirectoryBuffer,
        _ handle: DirectoryHandle,
        _ listing: PinnedListing,
        _ offset: UInt64
    ) {
        var position = offset
        while position < 2 {
            let dot = DirectoryEntry(
                name: position == 0 ? "." : "..",
                inode: handle.node.inode,
                kind: .directory,
                entry: nil,
                nextOffset: position + 1
            )
            guard buffer.add(dot) else { return }
            position += 1
        }
        while position - 2 < UInt64(listing.entries.count) {
            let item = listing.entries[Int(position - 2)]
            position += 1
            guard add(item, to: buffer, startedAt: listing.startedAt, nextOffset: position) else { return }
        }
    }

    private func add(
        _ item: SnapshotEntry,
        to buffer: any DirectoryBuffer,
        startedAt: Duration,
        nextOffset: UInt64
    ) -> Bool {
        let kind: FileKind =
            item.place == .selfLink ? .symbolicLink : item.place.isDirectory ? .directory : item.facts?.kind ?? .file
        var line = DirectoryEntry(
            name: item.name,
            inode: inode(of: item.place),
            kind: kind,
            entry: nil,
            nextOffset: nextOffset
        )
        if buffer.wantsEntries {
            line.entry = entry(for: item, startedAt: startedAt)
            if let entry = line.entry { line.inode = entry.attributes.inode }
        }
        guard !buffer.add(line) else { return true }
        // It did not fit, and the kernel does not get to know of it: take the lookup back.
        if let entry = line.entry { nodes.forget(entry.node, count: 1) }
        return false
    }

    private func entry(for item: SnapshotEntry, startedAt: Duration) -> Entry? {
        guard let address = item.place.blob else { return handOut(located(item, startedAt: startedAt), as: item.name) }
        // What was written here wins over what the listing says.
        if let node = nodes.liveFile(at: address), node.hasUnsentContent { return handOut(.node(node), as: item.name) }
        guard let facts = item.facts else { return nil }
        return handOut(.file(address, facts, startedAt: startedAt), as: item.name)
    }

    // MARK: Listing

    /// The directory as the store has it, at most `attributeValidity` old; one listing at a time per directory.
    func snapshot(of directory: DirectoryNode) async throws(FileSystemError) -> DirectorySnapshot {
        enum Choice { case ready(DirectorySnapshot), wait(SharedWork<DirectorySnapshot>, TreePlace) }
        while true {
            let since = clock.monotonic() - options.attributeValidity
            let choice: Choice = directory.withState { state in
                let place = state.place
                if let snapshot = state.snapshot, snapshot.startedAt >= since { return .ready(snapshot) }
                if let refresh = state.refresh, refresh.join() { return .wait(refresh, place) }
                let refresh = SharedWork { [self] () async throws(FileSystemError) in
                    let snapshot = try await list(place)
                    directory.withState { state in
                        // Renamed meanwhile: this is what was under the old name.
                        guard state.place == place else { return }
                        state.snapshot = snapshot
                        state.refresh = nil
                    }
                    return snapshot
                }
                _ = refresh.join()
                state.refresh = refresh
                return .wait(refresh, place)
            }
            switch choice {
            case .ready(let snapshot): return snapshot
            case .wait(let work, let place):
                let snapshot = try await work.value()
                if directory.place == place { return snapshot }
            }
        }
    }

    /// Asks the store for everything in the directory.
    private func list(_ place: TreePlace) async throws(FileSystemError) -> DirectorySnapshot {
        let startedAt = clock.monotonic()
        let plan = place.planned(views: options.views)
        var builder = SnapshotBuilder(of: place)
        for (name, fixed) in plan.fixed { builder.addDirectory(name, fixed) }
        var isComplete = true
        do throws(StorageError) {
            switch plan.source {
            case .nothing: break
            case .containers(let prefix): try await listContainers(prefix, in: place, &builder)
            case .blobs(let container, let prefix): try await listBlobs(container, prefix, in: place, &builder)
            }
        } catch {
            // Without permission to list, a directory shows what this mount wrote, and every name can be opened.
            guard error.kind == .denied else { throw failure(error, "readdir", error.resource) }
            isComplete = false
        }
        return builder.finish(startedAt: startedAt, isComplete: isComplete)
    }

    private func listContainers(
        _ prefix: String,
        in place: TreePlace,
        _ builder: inout SnapshotBuilder
    ) async throws(StorageError) {
        if let only = options.onlyContainer {
            if let (name, target) = place.shown(container: only, jobID: nil) { builder.addDirectory(name, target) }
            return
        }
        let query = ContainerQuery(prefix: prefix, includesMetadata: true)
        var marker: ListMarker?
        repeat {
            let page = try await store.listContainers(query, after: marker)
            for container in page.containers {
                let jobID = container.metadata[Self.jobIDKey]
                guard let (name, target) = place.shown(container: container.name, jobID: jobID) else { continue }
                builder.addDirectory(name, target)
            }
            marker = page.next
        } while marker != nil
    }

    /// The metadata key of a container under which outputfs keeps the true id of the job that it made it for.
    static let jobIDKey = "outputfs_jobid"

    private func listBlobs(
        _ container: String,
        _ prefix: String,
        in place: TreePlace,
        _ builder: inout SnapshotBuilder
    ) async throws(StorageError) {
        let query = BlobQuery(container: container, prefix: prefix, delimiter: "/", includesMetadata: true)
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            for item in page.items { add(item, in: place, &builder) }
            marker = page.next
        } while marker != nil
    }

    private func add(_ item: ListedItem, in place: TreePlace, _ builder: inout SnapshotBuilder) {
        switch item {
        case .prefix(let prefix): builder.addPrefix(String(Substring(prefix.utf8.dropLast())))
        case .blob(let blob, let properties):
            let facts = FileFacts(properties)
            // Other tools' marker of this very directory says nothing about what is in it.
            if facts.length == 0, let own = place.slashMarker, own.name.utf8.elementsEqual(blob.utf8) { return }
            if facts.posix.isDirectory, facts.length == 0, place.shown(prefix: blob + "/") != nil {
                builder.addPrefix(blob, facts: facts)
            } else {
                builder.addBlob(blob, facts)
            }
        }
    }

    // MARK: Laying local changes over

    /// The snapshot with what this mount did since it was begun.
    func merged(_ snapshot: DirectorySnapshot, of directory: DirectoryNode) -> [SnapshotEntry] {
        let place = directory.place
        let plan = place.planned(views: options.views)
        switch plan.source {
        case .nothing: return snapshot.entries
        case .containers:
            let made = changes.containers(since: snapshot.startedAt)
            guard !made.isEmpty else { return snapshot.entries }
            var builder = SnapshotBuilder(of: place)
            for entry in snapshot.entries { builder.addDirectory(entry.name.string, entry.place) }
            for (container, jobID) in made {
                guard let (name, target) = place.shown(container: container, jobID: jobID),
                    !snapshot.contains(target)
                else { continue }
                builder.addDirectory(name, target)
            }
            return builder.finish(startedAt: snapshot.startedAt, isComplete: true).entries
        case .blobs(let container, let prefix):
            return merged(snapshot, place, container, prefix)
        }
    }

    private func merged(
        _ snapshot: DirectorySnapshot,
        _ place: TreePlace,
        _ container: String,
        _ prefix: String
    ) -> [SnapshotEntry] {
        // Where nothing may be listed, what this mount wrote is all there is to show, however long ago.
        let since = snapshot.isComplete ? snapshot.startedAt : .zero
        let (files, folders) = changes.changes(in: container, prefix: prefix, since: since)
        let deep = unsent.files(below: BlobAddress(container: container, name: prefix)).compactMap { node in
            node.address.directory(below: prefix)
        }
        guard !files.isEmpty || !folders.isEmpty || !deep.isEmpty else { return snapshot.entries }
        var builder = SnapshotBuilder(of: place)
        for entry in snapshot.entries { builder.restore(entry) }
        for (blob, change) in files {
            switch change {
            case .absent, .held: builder.removeBlob(blob)
            case .stored(let facts, _): builder.addBlob(blob, facts)
            case .present(let node): builder.addBlob(blob, node.withState { $0.facts } ?? FileFacts.unsent)
            }
        }
        for (folder, change) in folders {
            switch change {
            case .absent: builder.removePrefix(folder)
            case .present: builder.addPrefix(folder)
            }
        }
        // A directory is there when a file in it is, also if that is on this mount only.
        for directory in deep { builder.addPrefix(directory) }
        // What is always there cannot be removed.
        for (name, fixed) in place.planned(views: options.views).fixed { builder.addDirectory(name, fixed) }
        return builder.finish(startedAt: snapshot.startedAt, isComplete: true).entries
    }
}

extension BlobAddress {
    /// The name up to the first slash behind `prefix`; `nil` if there is none.
    fileprivate func directory(below prefix: String) -> String? {
        let rest = name.utf8.dropFirst(prefix.utf8.count)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(name[..<slash])
    }
}

extension FileFacts {
    /// What stands for a version where there is none yet: the file lives on this mount only.
    static var unsent: FileFacts {
        FileFacts(BlobProperties(version: BlobVersion(etag: ETag(""), lastModified: 0), length: 0))
    }
}
