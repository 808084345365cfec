import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import Logging
import OutputConventions
import Synchronization

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
        switch try await locate(name, in: source) {
        case .absent: throw FileSystemError(errno: ENOENT, "\(name) is not there")
        case .selfLink: throw FileSystemError(errno: EPERM, "self belongs to the mount")
        case .file(let address, let facts, let startedAt):
            let node = nodes.lookUp(file: address, facts: facts, startedAt: startedAt, inode: inode(of: address))
            defer { nodes.forget(node.id, count: 1) }
            try await rename(node, to: newName, in: target, flags: flags)
        case .node(let node): try await rename(node, to: newName, in: target, flags: flags)
        case .directory(let place, _):
            try await rename(place, name, to: newName, in: target, flags: flags)
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
        let destination = try newBlob(newName, in: target)
        let replaced = try await replaceableFile(newName, in: target, flags: flags)
        try await node.changes.withLock { () async throws(FileSystemError) in
            let source = node.address
            guard source != destination else { return }
            if node.withState({ $0.facts == nil }) {
                renameUnsent(node, to: destination, over: replaced.node)
                return
            }
            // What the store does not have yet goes up under the old name; then the store has one file to copy.
            try await commitLocked(node, placesUntouched: true)
            try await requireDeleteRight(for: source)
            try await copyThenDelete(node, from: source, to: destination, over: replaced)
        }
    }

    /// A file that is on this mount only changes its name here only.
    private func renameUnsent(_ node: FileNode, to destination: BlobAddress, over existing: FileNode?) {
        let source = node.address
        if let existing, existing.id != node.id { supersede(existing) }
        node.withState { $0.local }?.move(to: destination)
        nodes.move(node, to: destination) { file in file.mustBeNew = false }
        let now = clock.monotonic()
        changes.record(file: source, .absent, at: now)
        changes.record(file: destination, .present(node), at: now)
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
        over replaced: ReplacedFile
    ) async throws(FileSystemError) {
        do throws(StorageError) {
            let before = node.withState { $0 }
            guard let facts = before.facts else { return }
            let version = try await copy(source, facts.etag, to: destination)
            let properties = try await store.properties(of: destination)
            if let existing = replaced.node, existing.id != node.id { supersede(existing) }
            follow(node, to: destination, version, properties)
            changes.record(file: destination, .present(node), at: clock.monotonic())
            do throws(StorageError) { try await store.delete(source, condition: .matches(facts.etag)) } catch {
                if try await isThere(source) {
                    await keep(node, as: before, insteadOf: destination, version, replaced)
                    throw error
                }
            }
            changes.record(file: source, .absent, at: clock.monotonic())
        } catch { throw failure(error, "rename", source.description, pinned: error.kind == .conditionFailed) }
    }

    private func isThere(_ blob: BlobAddress) async throws(StorageError) -> Bool {
        do throws(StorageError) { _ = try await store.properties(of: blob) } catch {
            guard error.kind == .notFound else { throw error }
            return false
        }
        return true
    }

    /// The same bytes under another name and version: handles go on there.
    private func follow(
        _ node: FileNode,
        to destination: BlobAddress,
        _ version: BlobVersion,
        _ properties: BlobProperties
    ) {
        let now = clock.monotonic()
        nodes.move(node, to: destination) { file in
            let old = file.facts?.etag
            file.local?.move(to: destination, version: version)
            var facts = FileFacts(properties)
            facts.etag = version.etag
            file.facts = facts
            file.properties = properties
            file.reader = nil
            if file.openCount > 0, file.local == nil {
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
        }
        changes.record(file: before.address, .present(node), at: clock.monotonic())
        changes.forget(file: destination)
        guard case .nothing = replaced else { return }
        do throws(StorageError) { try await store.delete(destination, condition: .matches(copied.etag)) } catch {
            logger.warning("rename \(before.address): its copy \(destination) stays: \(error)")
        }
    }

    /// A copy keeps the blob's type; another type in its place has to go first, for which there is no single step.
    private func copy(
        _ source: BlobAddress,
        _ etag: ETag,
        to destination: BlobAddress
    ) async throws(StorageError) -> BlobVersion {
        do throws(StorageError) {
            return try await store.copy(
                source,
                sourceCondition: .matches(etag),
                to: destination,
                metadata: nil,
                condition: .any
            )
        } catch {
            guard error.kind == .conflict, error.code == "InvalidBlobType" else { throw error }
            try await store.delete(destination, condition: .any)
            return try await store.copy(
                source,
                sourceCondition: .matches(etag),
                to: destination,
                metadata: nil,
                condition: .absent
            )
        }
    }

    /// What the new name means now; or why it must stay.
    private func replaceableFile(
        _ name: FileName,
        in directory: DirectoryNode,
        flags: RenameFlags
    ) async throws(FileSystemError) -> ReplacedFile {
        switch try await locate(name, in: directory) {
        case .absent: return .nothing
        case .directory: throw FileSystemError(errno: EISDIR, "\(name) is a directory")
        case .selfLink: throw FileSystemError(errno: EPERM, "self belongs to the mount")
        case .file(let address, _, _):
            if flags.contains(.noReplace) { throw FileSystemError(errno: EEXIST, "\(name) is there") }
            return nodes.file(at: address).map { .node($0) } ?? .blob
        case .node(let node):
            if flags.contains(.noReplace) { throw FileSystemError(errno: EEXIST, "\(name) is there") }
            return .node(node)
        }
    }

    /// Another file took this one's name: its open handles read on as far as their bytes are here.
    private func supersede(_ node: FileNode) {
        let local = node.withState { file -> DirtyFile? in
            file.isUnlinked = true
            // Its blob is the other file's now: nothing of this one is left to delete.
            file.facts = nil
            return file.openCount == 0 ? file.local : nil
        }
        nodes.detach(node)
        local?.discard()
    }

    // MARK: Directories

    /// Every blob below the prefix moves, several at a time; the sources go when all copies are there.
    private func rename(
        _ place: TreePlace,
        _ name: FileName,
        to newName: FileName,
        in target: DirectoryNode,
        flags: RenameFlags
    ) async throws(FileSystemError) {
        guard let from = place.contents, place.markerBlob != nil else {
            throw FileSystemError(errno: EPERM, "\(name) belongs to the tree; blobs move, containers do not")
        }
        let destination = try newDirectory(newName, in: target)
        guard let to = destination.contents, destination.markerBlob != nil else {
            throw FileSystemError(errno: EPERM, "\(newName): directories cannot become containers")
        }
        guard from != to else { return }
        guard !to.name.utf8.starts(with: from.name.utf8) || to.container != from.container else {
            throw FileSystemError(errno: EINVAL, "\(name) cannot move into itself")
        }
        switch try await locate(newName, in: target) {
        case .absent: break
        case .directory(let existing, _):
            if flags.contains(.noReplace) { throw FileSystemError(errno: EEXIST, "\(newName) is there") }
            try await requireEmpty(existing, newName)
        case .file, .node, .selfLink: throw FileSystemError(errno: ENOTDIR, "\(newName) is not a directory")
        }
        try await requireDeleteRight(for: BlobAddress(container: from.container, name: from.name + name.string))
        let versions = try await moveBlobs(from, to, place, destination)
        moveNodes(from, to, place, destination, versions)
    }

    /// The versions of the copies whose files this mount knows, by the old address.
    private func moveBlobs(
        _ from: BlobAddress,
        _ to: BlobAddress,
        _ place: TreePlace,
        _ destination: TreePlace
    ) async throws(FileSystemError) -> [BlobAddress: BlobVersion] {
        let versions = CopiedVersions()
        // What is on this mount only has to be in the store to be found there.
        for node in unsent.files(below: from) where node.withState({ $0.facts != nil }) {
            try await commit(node, placesUntouched: true)
        }
        do throws(StorageError) {
            var sources: [(BlobAddress, ETag)] = []
            if let marker = place.markerBlob, let newMarker = destination.markerBlob,
                let version = try await markerVersion(marker)
            {
                _ = try await copy(marker, version, to: newMarker)
                sources.append((marker, version))
            }
            let query = BlobQuery(container: from.container, prefix: from.name)
            var next: ListMarker?
            repeat {
                let page = try await store.listBlobs(query, after: next)
                let blobs = page.items.compactMap { item -> (BlobAddress, ETag, BlobAddress)? in
                    guard case .blob(let name, let properties) = item else { return nil }
                    let tail = String(Substring(name.utf8.dropFirst(from.name.utf8.count)))
                    return (
                        BlobAddress(container: from.container, name: name), properties.version.etag,
                        BlobAddress(container: to.container, name: to.name + tail)
                    )
                }
                try await concurrently(blobs) { [self] blob async throws(StorageError) in
                    let version = try await copy(blob.0, blob.1, to: blob.2)
                    if nodes.file(at: blob.0) != nil { versions.insert(blob.0, version) }
                }
                sources.append(contentsOf: blobs.map { ($0.0, $0.1) })
                next = page.next
            } while next != nil
            try await concurrently(sources) { [self] source async throws(StorageError) in
                do throws(StorageError) { try await store.delete(source.0, condition: .matches(source.1)) } catch {
                    guard error.kind != .notFound else { return }
                    throw error
                }
            }
        } catch { throw failure(error, "rename", error.resource) }
        return versions.all
    }

    private func markerVersion(_ marker: BlobAddress) async throws(StorageError) -> ETag? {
        do throws(StorageError) {
            let properties = try await store.properties(of: marker)
            return FileFacts(properties).posix.isDirectory ? properties.version.etag : nil
        } catch {
            guard error.kind == .notFound || error.kind == .denied else { throw error }
            return nil
        }
    }

    /// Open and known files follow, and so do the directories below.
    private func moveNodes(
        _ from: BlobAddress,
        _ to: BlobAddress,
        _ place: TreePlace,
        _ destination: TreePlace,
        _ versions: [BlobAddress: BlobVersion]
    ) {
        let now = clock.monotonic()
        let moved = nodes.files { file in
            file.address.container == from.container && file.address.name.utf8.starts(with: from.name.utf8)
        }
        for node in moved {
            let old = node.address
            let tail = String(Substring(old.name.utf8.dropFirst(from.name.utf8.count)))
            let new = BlobAddress(container: to.container, name: to.name + tail)
            nodes.move(node, to: new) { file in
                file.local?.move(to: new, version: versions[old])
                guard let version = versions[old] else { return }
                // The same bytes under another name and version: handles go on there.
                file.facts?.etag = version.etag
                file.facts?.lastModified = version.lastModified
                file.properties?.version = version
                file.learnedAt = now
                file.pageCacheVersion = file.pageCacheVersion.map { _ in version.etag }
                file.reader = file.reader.flatMap { _ in file.properties }.map {
                    BlobReader(cache: cache, blob: new, properties: $0)
                }
            }
            changes.record(file: old, .absent, at: now)
            if node.hasUnsentContent { changes.record(file: new, .present(node), at: now) }
        }
        nodes.moveDirectories { known in
            guard let contents = known.contents, contents.container == from.container,
                contents.name.utf8.starts(with: from.name.utf8)
            else { return nil }
            if known == place { return destination }
            guard case .folder(let view, _, _) = known else { return nil }
            let tail = String(Substring(contents.name.utf8.dropFirst(from.name.utf8.count)))
            return TreePlace.directory(view, container: to.container, prefix: to.name + tail)
        }
        if let marker = place.markerBlob { changes.record(folder: marker, .absent, at: now) }
        if let marker = destination.markerBlob { changes.record(folder: marker, .present, at: now) }
    }

    /// Runs `body` for every item, at most 32 at a time; the first failure ends it.
    private func concurrently<Item: Sendable>(
        _ items: [Item],
        _ body: @escaping @Sendable (Item) async throws(StorageError) -> Void
    ) async throws(StorageError) {
        let result: Result<Void, StorageError> = await withTaskGroup(of: Result<Void, StorageError>.self) { group in
            var rest = items[...]
            func startNext() {
                guard let item = rest.popFirst() else { return }
                group.addTask {
                    do throws(StorageError) { return .success(try await body(item)) } catch { return .failure(error) }
                }
            }
            for _ in 0..<32 { startNext() }
            while let finished = await group.next() {
                if case .failure = finished {
                    group.cancelAll()
                    return finished
                }
                startNext()
            }
            return .success(())
        }
        try result.get()
    }
}

/// What a rename replaces.
private enum ReplacedFile {
    case nothing
    /// A blob that this mount has no node for.
    case blob
    case node(FileNode)

    var node: FileNode? {
        guard case .node(let node) = self else { return nil }
        return node
    }
}

/// What copies that run side by side have made.
private final class CopiedVersions: Sendable {
    private let versions = Mutex<[BlobAddress: BlobVersion]>([:])

    func insert(_ source: BlobAddress, _ version: BlobVersion) { versions.withLock { $0[source] = version } }

    var all: [BlobAddress: BlobVersion] { versions.withLock { $0 } }
}
