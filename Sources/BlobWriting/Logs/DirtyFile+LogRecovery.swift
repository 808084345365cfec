internal import BlobStorage
internal import Synchronization

/// What recovery may do with a log. Its bytes go behind what the blob has, whatever others appended since, but not into a
/// log that somebody began anew: a task that runs again must not find lines of the run before in its log.
extension DirtyFile {
    /// One HEAD.
    func judgeLog(known: KnownName) async throws(StorageError) -> RecoveryVerdict {
        if let compactor = state.withLock({ $0.log?.compactor }) {
            // The blob may be shorter than it was: the rest of it is in the other's hands.
            switch try await compactor.judgeLog(known: known) {
            case .upload(let condition): return .upload(condition)
            case .conflict(let reason): return .conflict(reason)
            case .done:
                state.withLock { $0.log?.compactor = nil }
                compactor.discard()
            }
        }
        guard let position = state.withLock({ $0.log?.plan.position }) else { return .upload(.vacant) }
        let found: BlobProperties
        do throws(StorageError) { found = try await scheduler.store.properties(of: blob) } catch {
            guard error.kind == .notFound else { throw error }
            guard position.start == .absent || position.start == .over && known == .absent else {
                return .conflict("somebody deleted the log that it belongs to")
            }
            return .upload(.absent)
        }
        switch position.start {
        case .absent, .over:
            // Made by the process that ended, and nothing appended yet; or what it was to replace.
            if found.type == .append, found.length == 0 { return .upload(.matches(found.version.etag)) }
            if known == .version(found.version.etag) { return .upload(.matches(found.version.etag)) }
            return .conflict("somebody else put another version there")
        case .standing, .rebuilding:
            guard found.type == .append, found.length >= position.end,
                position.creationTime == nil || found.creationTime == position.creationTime
            else { return .conflict("somebody began the log anew") }
            return .upload(.matches(found.version.etag))
        case .rebuild:
            guard found.type == .append, position.creationTime == nil || found.creationTime == position.creationTime
            else { return .conflict("somebody began the log anew") }
            // It was not emptied yet: nothing of it is missing, and it is put again when it is full again.
            if found.length >= position.end { return .done(found) }
            state.withLock { $0.log?.plan.emptied(found) }
            return .upload(.matches(found.version.etag))
        }
    }
}

extension RecoveredFile {
    /// Of a log that was being put again in few blocks there are two entries: the blob's bytes, and what waits behind
    /// them. They are one file.
    package static func joined(_ files: [RecoveredFile]) -> [RecoveredFile] {
        var joined = files.filter { $0.replay.log?.isRebuild != true }
        for compactor in files where compactor.replay.log?.isRebuild == true {
            let waiting = joined.firstIndex { file in
                file.replay.log != nil && file.duty == .publish && file.compactors.isEmpty
                    && file.replay.identity.blob == compactor.replay.identity.blob
            }
            if let waiting { joined[waiting].compactors = [compactor] } else { joined.append(compactor) }
        }
        return joined
    }
}
