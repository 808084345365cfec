package import BlobStorage
internal import LocalStore
internal import Synchronization

/// What recovery may do with a file, as the store is now.
package enum RecoveryVerdict: Sendable {
    /// The name holds what the process knew, or what it had sent of this very file.
    case upload(VersionCondition)
    /// The store holds these bytes already: the answer was lost, not the commit.
    case done(BlobProperties)
    /// The name holds something else: the bytes are kept, and nothing is overwritten.
    case conflict(String)
}

extension DirtyFile {
    /// One HEAD, and a Get Block List where that does not tell.
    package func judge(known: KnownName) async throws(StorageError) -> RecoveryVerdict {
        if isLog { return try await judgeLog(known: known) }
        let blob = blob
        let properties: BlobProperties
        do throws(StorageError) { properties = try await scheduler.store.properties(of: blob) } catch {
            guard error.kind == .notFound else { throw error }
            if case .version = known { return .conflict("somebody deleted the blob that it was to replace") }
            return .upload(.absent)
        }
        if known == .version(properties.version.etag) { return .upload(.matches(properties.version.etag)) }
        if properties.length == size, let stored = properties.contentMD5, await contentMD5() == stored {
            return .done(properties)
        }
        // Sent by a process that heard nothing of it, and changed since.
        if let stored = properties.contentMD5, state.withLock({ $0.unansweredWhole.contains(stored) }) {
            return .upload(.matches(properties.version.etag))
        }
        if properties.type == .block, await isOwnCommit(properties.version) {
            return .upload(.matches(properties.version.etag))
        }
        return .conflict("somebody else put another version there")
    }

    /// Takes the verdict that the store has these bytes over: this is that version's file from now on; a log is at its end.
    /// `false`, and nothing is done, if a program changed it since the count was `changeCount`: then it is to be sent.
    package func settle(as properties: BlobProperties, changeCount: Int) async -> Bool {
        let settled = state.withLock { state -> BlobAddress? in
            guard state.changeCount == changeCount, state.isWritable, state.isQuiet else { return nil }
            if state.log != nil { state.isDiscarded = true }
            let file = CommittedFile(
                blob: state.blob,
                version: properties.version,
                size: properties.length,
                contentMD5: properties.contentMD5
            )
            state.isDirty = false
            state.lastCommit = (file, BlobHeaders(of: properties))
            state.lastError = nil
            state.rebase(on: file)
            return state.blob
        }
        guard let settled, let journal else { return settled != nil }
        await scheduler.disk.perform {
            journal.committed(properties.version, of: settled)
            journal.flush()
        }
        return true
    }

    /// Whether the committed blob was put together from blocks of this upload: an earlier commit, whose answer was lost.
    /// Where bytes are missing here that it must have, nobody may have touched it since.
    private func isOwnCommit(_ version: BlobVersion) async -> Bool {
        guard let list = try? await scheduler.store.blockList(of: blob), list.version == version,
            list.committed.contains(where: { isOwn($0.id) })
        else { return false }
        return state.withLock { !($0.source == nil && $0.plan.needsBase) || $0.recognizes(list) }
    }
}
