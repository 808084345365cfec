import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel
import Glibc
import LocalStore
import Logging
import OutputConventions
import Synchronization

/// A directory's rename: every blob below the prefix is copied, several at a time; the sources go when all copies stand.
extension OutputFileSystem {
    func rename(
        _ place: TreePlace,
        _ facts: FileFacts?,
        _ name: FileName,
        to newName: FileName,
        in target: DirectoryNode,
        flags: RenameFlags
    ) async throws(FileSystemError) {
        guard let from = place.contents, place.markerBlob != nil else {
            throw FileSystemError(errno: EPERM, "\(name) belongs to the tree; blobs move, containers do not")
        }
        guard !place.isPartial else {
            throw FileSystemError(
                errno: EPERM,
                "\(name) is not all that the store has under its prefix: move what is in it"
            )
        }
        let destination = try newDirectory(newName, in: target)
        guard let to = destination.contents, destination.markerBlob != nil else {
            throw FileSystemError(errno: EPERM, "\(newName): directories cannot become containers")
        }
        guard from != to else { return }
        try requireOneAccount(from, to)
        try await requireUnconfirmed(to, "rename")
        guard !to.name.utf8.starts(with: from.name.utf8) || to.container != from.container else {
            throw FileSystemError(errno: EINVAL, "\(name) cannot move into itself")
        }
        let isHierarchical = store.namespace(of: from.container) == .hierarchical
        var replaced: TreePlace?
        switch try await locate(newName, in: target) {
        case .absent: break
        case .directory(let existing, _):
            if flags.contains(.noReplace) { throw FileSystemError(errno: EEXIST, "\(newName) is there") }
            replaced = existing
            if !isHierarchical { try await requireEmpty(existing, newName) }
        case .file, .node, .selfLink: throw FileSystemError(errno: ENOTDIR, "\(newName) is not a directory")
        }
        let move = DirectoryMove(from: from, to: to, place: place, destination: destination)
        if isHierarchical {
            try await movePath(move, facts, over: replaced, newName)
            return
        }
        try await requireDeleteRight(for: BlobAddress(container: from.container, name: from.name + name.string))
        // No commit of a file below may be under way while the blobs move: it would end under the old name.
        let below = files(below: from)
        try await below.withChangesLocked { () async throws(FileSystemError) in
            // What is on this mount only has to be in the store to be found there.
            for node in below where node.withState({ $0.hasUnsentChanges && $0.facts != nil }) {
                try await commitLocked(node, placesUntouched: true)
            }
            let copies = try await CopiedBlobs(from: from, to: to, scheduler: uploads)
            do throws(FileSystemError) {
                do throws(StorageError) { try await copyUnlessInterrupted(move, into: copies) } catch {
                    throw failure(error, "rename", error.resource)
                }
                do throws(LocalStoreError) { try await copies.noteAllCopied() } catch { throw FileSystemError(error) }
            } catch {
                // Whoever asked may be gone; what was copied for him goes all the same.
                await Task { [self] in await undo(copies) }.value
                throw error
            }
            // From here on there is no way back, also for who is interrupted: half of the names would be gone.
            let refusal = await Task { [self] in await finish(move, copies) }.value
            if let refusal { throw failure(refusal, "rename", refusal.resource) }
        }
    }

    /// Known files that have a name below the prefix.
    func files(below prefix: BlobAddress) -> [FileNode] {
        nodes.files(below: prefix)
    }

    // MARK: Blobs

    /// Who is interrupted has no more copies begun, and those that are on their way ended: one that is cancelled may be made
    /// all the same, after it was looked for.
    private func copyUnlessInterrupted(_ move: DirectoryMove, into copies: CopiedBlobs) async throws(StorageError) {
        let work = Task { [self] () -> Result<Void, StorageError> in
            do throws(StorageError) { return .success(try await copyBlobs(move, into: copies)) } catch {
                return .failure(error)
            }
        }
        let result = await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            copies.stop()
            // A store that does not answer must not keep him.
            Task {
                try? await Task.sleep(for: .seconds(2))
                work.cancel()
            }
        }
        try result.get()
    }

    private func copyBlobs(_ move: DirectoryMove, into copies: CopiedBlobs) async throws(StorageError) {
        if let marker = move.place.markerBlob, let newMarker = move.destination.markerBlob,
            let etag = try await markerVersion(marker)
        {
            try await copies.noteBegin(of: etag)
            let version = try await copy(marker, etag, to: newMarker, condition: .vacant).version
            copies.append(CopiedBlob(source: marker, etag: etag, copy: newMarker, version: version))
        }
        // With all that a copy takes over, so that no source has to be asked for it.
        let query = BlobQuery(container: move.from.container, prefix: move.from.name, includesMetadata: true)
        var next: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: next)
            let blobs = page.items.compactMap { item -> (BlobAddress, BlobProperties)? in
                guard case .blob(let name, let properties) = item else { return nil }
                let source = BlobAddress(container: move.from.container, name: name)
                // Unlinked while open: the name is gone, and must not come back under the new directory.
                if changes.holdsBlob(source) { return nil }
                return (source, properties)
            }
            try await concurrently(blobs) { [self] blob async throws(StorageError) in
                let target = move.target(of: blob.0)
                let etag = blob.1.version.etag
                try await copies.noteBegin(of: etag)
                let version = try await copy(blob.0, etag, known: blob.1, to: target, condition: .vacant).version
                copies.append(CopiedBlob(source: blob.0, etag: etag, copy: target, version: version))
            }
            next = page.next
        } while next != nil
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

    /// The rename did not come about: nothing of it stays, so that it can be tried again. Also copies of which nobody
    /// heard are looked for. What the store does not do now it does later.
    private func undo(_ copies: CopiedBlobs) async {
        let item = moves.insert(copies.unfinished, copies.entry)
        switch await attemptResolution(item) {
        case .done: break
        case .again, .never: resolveInBackground(item)
        }
    }

    /// Deletes what is there in these versions, all that can be.
    private func delete(
        _ blobs: [(BlobAddress, ETag)],
        _ failed: @escaping @Sendable (BlobAddress, StorageError) -> Void
    ) async {
        // The body throws nothing.
        try? await concurrently(blobs) { [self] blob async throws(StorageError) in
            do throws(StorageError) { try await store.delete(blob.0, condition: .matches(blob.1)) } catch {
                if error.kind != .notFound { failed(blob.0, error) }
            }
        }
    }

    /// All copies stand: open files go on there, then the sources go. Returns why one of them could not.
    private func finish(_ move: DirectoryMove, _ copies: CopiedBlobs) async -> StorageError? {
        let known = moveFiles(move, copies.all)
        if cache.isOnDisk {
            cache.rename(copies.all.map { BlockCache.Renamed($0.source, $0.etag, to: $0.copy, $0.version.etag) })
        }
        let failures = RemainingBlobs()
        await delete(copies.all.map { ($0.source, $0.etag) }) { failures.insert($0, $1) }
        let now = clock.monotonic()
        for source in known {
            if failures.contains(source) {
                changes.forget(file: source)
            } else {
                changes.record(file: source, .absent, at: now)
            }
        }
        if let marker = move.destination.markerBlob {
            // What was known of a marker there is no longer true.
            changes.record(folder: marker, .absent, at: now)
            changes.record(folder: marker, .present(nil), at: now)
        }
        if let failure = failures.first {
            // The old directory is still one, and the kernel, told of the failure, leaves its name to it.
            nodes.directory(at: move.place)?.withState { $0.listing = nil }
            // What the store may do later is done later; what it refuses, the caller hears, and has it under both names.
            if failures.mayPass {
                resolveInBackground(moves.insert(copies.unfinished, copies.entry))
            } else {
                await copies.entry.end()
            }
            return failure
        }
        await copies.entry.end()
        nodes.moveDirectories { move.target(of: $0) }
        if let marker = move.place.markerBlob { changes.record(folder: marker, .absent, at: now) }
        await movePassingMarkers(copies.all)
        return nil
    }

    /// Markers that pass do so under their new names, and what came along is something in the directories above it.
    private func movePassingMarkers(_ copies: [CopiedBlob]) async {
        var others: [BlobAddress] = []
        for blob in copies {
            if passingMarkers.take(blob.source, blob.etag) {
                noteMarker(blob.copy, blob.version.etag)
            } else {
                others.append(blob.copy)
            }
        }
        for blob in others { await removePassingMarkers(above: blob) }
    }

    // MARK: Nodes

    /// Open and known files follow. Returns their old addresses.
    private func moveFiles(_ move: DirectoryMove, _ copies: [CopiedBlob]) -> [BlobAddress] {
        let now = clock.monotonic()
        let known = files(below: move.from)
        let addresses = Set(known.map(\.address))
        let copied = Dictionary(
            copies.lazy.filter { addresses.contains($0.source) }.map { ($0.source, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        for node in known {
            let old = node.address
            let new = move.target(of: old)
            let copy = copied[old].flatMap { copy in node.withState { $0.facts?.etag == copy.etag } ? copy : nil }
            guard copy != nil || node.withState({ $0.facts == nil || $0.hasUnsentContent }) else {
                // Another version than the one that was copied: its handles must not read the copy's bytes.
                nodes.detach(node)
                continue
            }
            nodes.move(node, to: new) { file in
                file.local?.move(to: new, version: copy?.version)
                guard let version = copy?.version else { return }
                // The same bytes under another name and version: handles go on there.
                file.pageCacheVersion = file.pageCacheVersion == file.facts?.etag ? version.etag : nil
                file.facts?.etag = version.etag
                file.facts?.lastModified = version.lastModified
                file.properties?.version = version
                file.learnedAt = now
                file.reader = file.reader.flatMap { _ in file.properties }.map {
                    BlobReader(cache: cache, blob: new, properties: $0)
                }
            }
            if node.hasUnsentContent { changes.record(file: new, .present(node), at: now) }
        }
        return Array(addresses)
    }

    /// Runs `body` for every item, at most 32 at a time. After a failure none is begun, and those that run are waited for.
    private func concurrently<Item: Sendable>(
        _ items: [Item],
        _ body: @escaping @Sendable (Item) async throws(StorageError) -> Void
    ) async throws(StorageError) {
        let result: Result<Void, StorageError> = await withTaskGroup(of: Result<Void, StorageError>.self) { group in
            var rest = items[...]
            var result: Result<Void, StorageError> = .success(())
            func startNext() {
                guard case .success = result, let item = rest.popFirst() else { return }
                group.addTask {
                    do throws(StorageError) { return .success(try await body(item)) } catch { return .failure(error) }
                }
            }
            for _ in 0..<32 { startNext() }
            while let finished = await group.next() {
                if case .success = result { result = finished }
                startNext()
            }
            return result
        }
        try result.get()
    }
}

/// Which directory goes where.
struct DirectoryMove: Sendable {
    /// What the names of all blobs in it begin with, before and after.
    let from: BlobAddress
    let to: BlobAddress
    let place: TreePlace
    let destination: TreePlace

    /// The new name of a blob below `from`.
    func target(of blob: BlobAddress) -> BlobAddress {
        let tail = String(Substring(blob.name.utf8.dropFirst(from.name.utf8.count)))
        return BlobAddress(container: to.container, name: to.name + tail)
    }

    /// The new place of the directory itself and of those below; `nil` for others.
    func target(of known: TreePlace) -> TreePlace? {
        guard let contents = known.contents, contents.container == from.container,
            contents.name.utf8.starts(with: from.name.utf8)
        else { return nil }
        if known == place { return destination }
        guard case .folder(let view, _, _) = known else { return nil }
        return TreePlace.directory(view, container: to.container, prefix: target(of: contents).name)
    }
}

private struct CopiedBlob: Sendable {
    let source: BlobAddress
    /// The version that was copied.
    let etag: ETag
    let copy: BlobAddress
    let version: BlobVersion
}

/// What copies that run side by side have made, here and in the journal.
private final class CopiedBlobs: Sendable {
    private struct State {
        var copies: [CopiedBlob] = []
        var unfinished: UnfinishedMove
        /// Nobody wants them any more.
        var isStopped = false
    }

    let entry: NameEntry
    private let from: BlobAddress
    private let state: Mutex<State>

    init(from: BlobAddress, to: BlobAddress, scheduler: UploadScheduler) async throws(FileSystemError) {
        do throws(LocalStoreError) {
            entry = try await NameEntry(.move(from: from, to: to), scheduler: scheduler)
        } catch { throw FileSystemError(error) }
        self.from = from
        state = Mutex(State(unfinished: UnfinishedMove(from: from, to: to)))
    }

    /// Before the request: a copy that nobody knows of would stay.
    func noteBegin(of source: ETag) async throws(StorageError) {
        let isStopped = state.withLock { state in
            if !state.isStopped { state.unfinished.apply(.copying(source)) }
            return state.isStopped
        }
        let (operation, resource) = ("rename", from.description)
        guard !isStopped else {
            throw StorageError(.cancelled, .permanent, operation: operation, resource: resource, message: "interrupted")
        }
        do throws(LocalStoreError) { try await entry.note(.copying(source)) } catch {
            throw StorageError(
                .localInput,
                .permanent,
                operation: operation,
                resource: resource,
                message: error.description
            )
        }
    }

    /// No copy is begun from here on.
    func stop() { state.withLock { $0.isStopped = true } }

    func append(_ copy: CopiedBlob) {
        let record = NameRecord.copied(copy.etag, copy.version.etag)
        state.withLock { state in
            state.copies.append(copy)
            state.unfinished.apply(record)
        }
        entry.noteLater(record)
    }

    /// On the disk before the first source goes: else a loss of power would have the rest undone.
    func noteAllCopied() async throws(LocalStoreError) {
        try await entry.note(.allCopied, isSafe: true)
        state.withLock { $0.unfinished.apply(.allCopied) }
    }

    var all: [CopiedBlob] { state.withLock { $0.copies } }
    var unfinished: UnfinishedMove { state.withLock { $0.unfinished } }
}

/// Sources that could not be deleted, or of which nobody knows.
private final class RemainingBlobs: Sendable {
    private let failures = Mutex<[BlobAddress: StorageError]>([:])

    func insert(_ blob: BlobAddress, _ error: StorageError) { failures.withLock { $0[blob] = error } }
    func contains(_ blob: BlobAddress) -> Bool { failures.withLock { $0[blob] != nil } }

    var first: StorageError? { failures.withLock { $0.values.first } }
    /// Whether one of them may succeed later.
    var mayPass: Bool { failures.withLock { $0.values.contains { $0.persistence != .permanent } } }
}
