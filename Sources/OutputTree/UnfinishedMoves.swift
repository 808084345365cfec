import BlobStorage
import BlobWriting
import FileSystemModel
import Glibc
import Logging
import OutputConventions
import Synchronization

/// Renames of directories that did not come to their end, until they have: those of this mount that failed half-way, and
/// those of mounts that were killed.
final class UnfinishedMoves: Sendable {
    struct Item: Sendable {
        let id: UInt64
        let move: UnfinishedMove
        /// Says what was done, as long as something is to be done.
        let entry: NameEntry
        /// Held over each attempt.
        let turn = AsyncLock()
        var failedAttempts = 0
        var lastError: String?
    }

    private struct State {
        var items: [UInt64: Item] = [:]
        var nextID: UInt64 = 0
        var endedCount = 0
    }

    private let state = Mutex(State())

    func insert(_ move: UnfinishedMove, _ entry: NameEntry) -> Item {
        state.withLock { state in
            defer { state.nextID += 1 }
            let item = Item(id: state.nextID, move: move, entry: entry)
            state.items[item.id] = item
            return item
        }
    }

    func remove(_ item: Item) {
        state.withLock { state in
            if state.items.removeValue(forKey: item.id) != nil { state.endedCount += 1 }
        }
    }

    /// How many came to their end so far: what was known of names before one did may not be so any more.
    var endedCount: Int { state.withLock { $0.endedCount } }

    func noteFailure(_ item: Item, _ error: FileSystemError) {
        state.withLock { state in
            state.items[item.id]?.failedAttempts += 1
            state.items[item.id]?.lastError = error.reason
        }
    }

    var all: [Item] { state.withLock { Array($0.items.values) } }
}

extension OutputFileSystem {
    /// A rename that a process that is gone did not end.
    func recover(_ move: UnfinishedMove, _ entry: NameEntry) {
        logger.notice("\(move.description): \(move.copyCount) blobs were begun")
        resolveInBackground(moves.insert(move, entry))
    }

    func resolveInBackground(_ item: UnfinishedMoves.Item) {
        background.run(.move(item.id)) { [self] in await attemptResolution(item) }
    }

    /// One attempt to bring a directory's rename to one of its ends.
    func attemptResolution(_ item: UnfinishedMoves.Item) async -> BackgroundCommits.Outcome {
        do throws(FileSystemError) {
            try await item.turn.withLock { () async throws(FileSystemError) in try await resolve(item) }
            return .done
        } catch {
            if !Task.isCancelled { moves.noteFailure(item, error) }
            return BackgroundCommits.Outcome(after: error)
        }
    }

    private func resolve(_ item: UnfinishedMoves.Item) async throws(FileSystemError) {
        guard moves.all.contains(where: { $0.id == item.id }) else { return }
        if item.move.isCopied { try await followCopies(of: item.move) }
        do throws(StorageError) {
            try await MoveResolver(item.move, store: store).run { [self] blob in noteGone(blob) }
        } catch { throw failure(error, "rename", error.resource) }
        if let marker = UnfinishedMove.marker(of: item.move.goingSide) {
            changes.record(folder: marker, .absent, at: clock.monotonic())
        }
        moves.remove(item)
        await item.entry.end()
        logger.notice(
            "the rename of \(item.move.from) to \(item.move.to) is \(item.move.isCopied ? "finished" : "undone")"
        )
    }

    /// Files that were open when another process was killed behind the last copy go on there, before their blobs go.
    private func followCopies(of move: UnfinishedMove) async throws(FileSystemError) {
        for node in files(below: move.from) {
            try await node.changes.withLock { () async throws(FileSystemError) in
                let (source, etag) = node.withState { ($0.address, $0.facts?.etag) }
                guard let etag, let copy = move.copy(of: etag), !node.withState({ $0.isUnlinked }) else { return }
                let target = move.target(of: source)
                do throws(StorageError) {
                    let properties = try await store.properties(of: target)
                    // Somebody else wrote there since: who reads the old version has lost it.
                    guard properties.version.etag == copy else { return }
                    follow(node, to: target, properties)
                    if node.hasUnsentContent { changes.record(file: target, .present(node), at: clock.monotonic()) }
                } catch {
                    guard error.kind == .notFound else { throw failure(error, "rename", target.description) }
                }
            }
        }
    }

    /// Before a directory is renamed: an earlier rename there that was cut short has to be at its end. What undoes it takes
    /// copies that it never heard of for its own, and would take those of a second rename, whose sources are about to go.
    ///
    /// - Returns: whether there was one.
    func endMoves(
        touching place: TreePlace,
        _ newName: FileName,
        in target: DirectoryNode
    ) async throws(FileSystemError) -> Bool {
        let unfinished = moves.all
        guard !unfinished.isEmpty, let from = place.contents, let to = try newDirectory(newName, in: target).contents
        else { return false }
        let touched = unfinished.filter { $0.move.touches(from) || $0.move.touches(to) }
        for item in touched {
            guard await attemptResolution(item) == .done else {
                throw FileSystemError(errno: Task.isCancelled ? EINTR : EBUSY, item.move.description)
            }
        }
        return !touched.isEmpty
    }

    /// The store has deleted it, here or there: what was known of the name is no longer so.
    func noteGone(_ blob: BlobAddress) {
        let now = clock.monotonic()
        if let node = nodes.liveFile(at: blob) { noteAbsence(of: node, since: now) }
        if nodes.liveFile(at: blob) == nil { changes.record(file: blob, .absent, at: now) }
    }
}
