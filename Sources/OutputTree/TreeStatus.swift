import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel

/// What a tree has in hand, for `outputfs status` and for a drain.
package struct TreeStatus: Sendable, Codable {
    /// A file that is not in the store as this mount has it.
    package struct PendingFile: Sendable, Codable {
        package var path: String
        /// In bytes.
        package var size: UInt64
        package var isOpen: Bool
        package var failedAttempts: Int
        package var lastError: String?
    }

    package var pendingFiles: [PendingFile]
    package var knownNodes: Int
    package var openHandles: Int
    package var errors: [ErrorLog.Item]
}

/// How a drain ended.
package struct DrainReport: Sendable, Codable {
    package var uploaded: Int
    /// What could not be uploaded; still kept here.
    package var remaining: [TreeStatus.PendingFile]
}

extension OutputFileSystem {
    package func status() -> TreeStatus {
        TreeStatus(
            pendingFiles: unsentFiles().map(pendingFile).sorted { $0.path < $1.path },
            knownNodes: nodes.count,
            openHandles: handles.count,
            errors: errors.all
        )
    }

    /// Commits everything that this mount has and the store has not, until it is done or the time is up.
    package func drain(timeout: Duration) async -> DrainReport {
        let files = unsentFiles()
        let uploaded = await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            for file in files {
                group.addTask { [self] in
                    do throws(FileSystemError) {
                        try await commit(file, placesUntouched: true)
                        settle(file)
                        return true
                    } catch { return false }
                }
            }
            var (uploaded, left) = (0, files.count)
            while left > 0, let finished = await group.next() {
                // The time is up: what is under way is cancelled and counts as not done.
                guard let finished else { break }
                left -= 1
                if finished { uploaded += 1 }
            }
            group.cancelAll()
            return uploaded
        }
        return DrainReport(uploaded: uploaded, remaining: unsentFiles().map(pendingFile).sorted { $0.path < $1.path })
    }

    /// Ends the work that nobody waits for. After it the tree must not be asked any more.
    package func shutDown() {
        background.cancelAll()
        cache.shutDown()
    }

    private func unsentFiles() -> [FileNode] { unsent.all }

    private func pendingFile(_ node: FileNode) -> TreeStatus.PendingFile {
        node.withState { file in
            TreeStatus.PendingFile(
                path: file.address.description,
                size: file.size,
                isOpen: file.openCount > 0,
                failedAttempts: file.failedCommits,
                lastError: file.lastFailure?.reason
            )
        }
    }
}
