import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel

/// What a tree has in hand, for `outputfs status` and for a drain.
package struct TreeStatus: Sendable, Codable {
    /// A file that is not in the store as this mount has it, or that is there although it was unlinked here; also a
    /// directory whose rename is not at its end.
    package struct PendingFile: Sendable, Codable {
        package var path: String
        /// In bytes.
        package var size: UInt64
        package var isOpen: Bool
        /// When it was written last, or closed by an earlier process; seconds since the epoch.
        package var waitingSince: Int64?
        package var failedAttempts: Int
        package var lastError: String?
    }

    package var pendingFiles: [PendingFile]
    /// Left in the journal by earlier processes, or overtaken: uploaded only by `outputfs recover`.
    package var keptFiles: [KeptFile]
    package var knownNodes: Int
    package var openHandles: Int
    package var errors: [ErrorLog.Item]
}

/// How a drain ended.
package struct DrainReport: Sendable, Codable {
    package var uploaded: Int
    /// What could not be uploaded, still kept here; and what could not be removed.
    package var remaining: [TreeStatus.PendingFile]
}

extension OutputFileSystem {
    package func status() -> TreeStatus {
        TreeStatus(
            pendingFiles: pending(held.all.filter { $0.node.withState { $0.openCount == 0 } }),
            keptFiles: kept.all,
            knownNodes: nodes.count,
            openHandles: handles.count,
            errors: errors.all
        )
    }

    /// Commits everything that this mount has and the store has not, and removes what was unlinked and nobody has open,
    /// until it is done or the time is up. `isEnding`: whoever has something open cannot read on anyway.
    package func drain(timeout: Duration, isEnding: Bool = false) async -> DrainReport {
        enum Ended { case uploaded, other, timeUp }
        // Small files first: an eviction leaves seconds, and most files are small.
        let (files, removals) = (
            unsent.all.sorted { $0.withState(\.size) < $1.withState(\.size) },
            isEnding ? held.all.map(\.node) : held.due
        )
        let unfinished = moves.all
        let uploaded = await withTaskGroup(of: Ended.self) { group in
            group.addTask {
                try? await Task.sleep(for: timeout)
                return .timeUp
            }
            for file in files {
                group.addTask { [self] in
                    do throws(FileSystemError) {
                        try await commit(file, placesUntouched: true)
                        settle(file)
                        return .uploaded
                    } catch { return .other }
                }
            }
            for file in removals {
                group.addTask { [self] in
                    _ = await attemptRemoval(file)
                    return .other
                }
            }
            for move in unfinished {
                group.addTask { [self] in
                    _ = await attemptResolution(move)
                    return .other
                }
            }
            var (uploaded, left) = (0, files.count + removals.count + unfinished.count)
            while left > 0, let ended = await group.next() {
                // The time is up: what is under way is cancelled and counts as not done.
                if ended == .timeUp { break }
                left -= 1
                if ended == .uploaded { uploaded += 1 }
            }
            group.cancelAll()
            return uploaded
        }
        // Also what is unlinked and still open: others see its name until then.
        return DrainReport(uploaded: uploaded, remaining: pending(held.all))
    }

    /// Ends the work that nobody waits for. After it the tree must not be asked any more.
    package func shutDown() {
        logs.end()
        background.cancelAll()
        cache.shutDown()
    }

    /// All that is unsent, and of what is unlinked these.
    private func pending(_ removals: [HeldBlobs.Removal]) -> [TreeStatus.PendingFile] {
        (unsent.all.map(pendingFile) + removals.map(pendingFile) + moves.all.map(pendingFile))
            .sorted { $0.path < $1.path }
    }

    private func pendingFile(_ node: FileNode) -> TreeStatus.PendingFile {
        node.withState { file in
            TreeStatus.PendingFile(
                path: file.address.description,
                size: file.size,
                isOpen: file.openCount > 0,
                waitingSince: file.recovery?.dueSince ?? file.pending.modificationTime?.seconds,
                failedAttempts: file.failedCommits,
                lastError: file.lastFailure?.reason
            )
        }
    }

    private func pendingFile(_ item: UnfinishedMoves.Item) -> TreeStatus.PendingFile {
        TreeStatus.PendingFile(
            path: item.move.from.description,
            size: 0,
            isOpen: false,
            failedAttempts: item.failedAttempts,
            lastError: item.move.description + (item.lastError.map { ": " + $0 } ?? "")
        )
    }

    private func pendingFile(_ removal: HeldBlobs.Removal) -> TreeStatus.PendingFile {
        var file = pendingFile(removal.node)
        file.failedAttempts = removal.failedAttempts
        file.lastError = "unlinked, and not deleted yet" + (removal.lastError.map { ": " + $0 } ?? "")
        return file
    }
}
