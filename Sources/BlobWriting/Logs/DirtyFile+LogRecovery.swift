internal import BlobStorage
internal import Synchronization

/// What recovery may do with a log. Its bytes go behind what the blob has, whatever others appended since, but not into a
/// log that somebody began anew: a task that runs again must not find lines of the run before in its log.
extension DirtyFile {
    /// One HEAD.
    func judgeLog(known: KnownName) async throws(StorageError) -> RecoveryVerdict {
        guard let position = state.withLock({ $0.log?.plan.position }) else { return .upload(.any) }
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
            if found.type == .append, found.length == 0 { return .upload(.any) }
            if known == .version(found.version.etag) { return .upload(.any) }
            return .conflict("somebody else put another version there")
        case .standing:
            guard found.type == .append, found.length >= position.end,
                position.creationTime == nil || found.creationTime == position.creationTime
            else { return .conflict("somebody began the log anew") }
            return .upload(.any)
        case .rebuild:
            guard found.type == .append, position.creationTime == nil || found.creationTime == position.creationTime
            else { return .conflict("somebody began the log anew") }
            // It was not emptied yet: nothing of it is missing, and it is put again when it is full again.
            if found.length >= position.end { return .done(found) }
            state.withLock { $0.log?.plan.emptied(found) }
            return .upload(.any)
        }
    }
}
