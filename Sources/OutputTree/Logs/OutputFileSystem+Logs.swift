import BlobReading
import BlobStorage
import BlobWriting
import FileSystemModel
import Logging
import OutputConventions

/// Files that are shown while they grow.
extension OutputFileSystem {
    /// How a new file of this name begins; `nil` for those that are no logs.
    func logStart(of blob: BlobAddress, truncates: Bool) -> AppendPosition.Start? {
        guard options.trackedKinds.contain(blobName: blob.name) else { return nil }
        return truncates ? .over : .absent
    }

    /// Something was written to it.
    func scheduleFlush(of node: FileNode) {
        logs.add(node) { [weak self] in await self?.flush($0) }
    }

    /// Sends what a log has got since it was sent last. Nobody waits for it: what fails is tried again after an interval,
    /// and close says what became of it.
    private func flush(_ node: FileNode) async {
        node.withState { $0.isFlushScheduled = false }
        guard node.withState({ $0.local?.isLog == true && $0.needsCommit(placesUntouched: false) }) else { return }
        var mayTryAgain = true
        do throws(FileSystemError) { try await commit(node, placesUntouched: false) } catch {
            logger.warning("the log \(node.address) is not sent: \(error)")
            mayTryAgain = BackgroundCommits.Outcome(after: error) == .again
        }
        settle(node)
        let mustWait = node.withState { file -> Bool in
            guard mayTryAgain, file.hasUnsentContent, file.local?.isLog == true else { return false }
            defer { file.isFlushScheduled = true }
            return !file.isFlushScheduled
        }
        if mustWait { scheduleFlush(of: node) }
    }

    /// Others appended to a log that this mount has open for writing: those who read it here see that.
    func followGrowth(of node: FileNode) async {
        let work = node.withState { file -> (DirtyFile, BlobProperties)? in
            guard let local = file.local, let facts = file.facts, facts.type == .append, !file.hasUnsentContent,
                facts.length > local.size
            else { return nil }
            let properties = BlobProperties(
                version: BlobVersion(etag: facts.etag, lastModified: facts.lastModified),
                length: facts.length,
                type: .append,
                creationTime: facts.creationTime
            )
            // Before anybody is told that there is more to read.
            file.readBase(of: properties, cache)
            return (local, properties)
        }
        if let (local, properties) = work { _ = await local.adoptGrowth(properties) }
    }
}

extension FileState {
    /// Whether its pages would not be those of the store: others append to it, too.
    func isLogInUse(_ flags: OpenFlags, _ options: TreeOptions) -> Bool {
        if local?.isLog == true { return true }
        guard facts?.type == .append else { return false }
        return flags.allowsWriting || options.trackedKinds.contain(blobName: address.name)
    }

    /// Whether a flush has to be asked for, now that something was written.
    mutating func mustScheduleFlush(_ options: TreeOptions) -> Bool {
        guard !isFlushScheduled, !isUnlinked, local?.isLog == true,
            options.trackedKinds.contain(blobName: address.name)
        else { return false }
        isFlushScheduled = true
        return true
    }

    /// A reader for what of a log is only in the store.
    mutating func readBase(of properties: BlobProperties, _ cache: BlockCache) {
        if let reader, facts?.creationTime == properties.creationTime, reader.length <= properties.length {
            reader.extend(to: properties.length)
        } else {
            reader = BlobReader(cache: cache, blob: address, properties: properties)
        }
    }
}
