package import BlobStorage
internal import Glibc
package import LocalStore
internal import Synchronization

/// Copies that the store makes by itself.
extension DirtyFile {
    /// The file goes on with this range of another blob's version, at the same position; the bytes stay in the store until
    /// somebody writes over them, and the commit has the service copy them. If that version is gone by then, the commit
    /// fails.
    ///
    /// Only for a file that has nothing else: one that is empty, or is the beginning of that version so far. `nil` for
    /// any other: its bytes have to be written.
    package func copy(
        _ range: Range<UInt64>,
        of source: BlobAddress,
        _ version: BlobProperties
    ) throws(LocalStoreError) -> WriteOutcome? {
        guard range.upperBound <= version.length,
            range.upperBound - range.lowerBound >= scheduler.configuration.copyMin,
            state.withLock({ $0.continues(range.lowerBound, source, version) })
        else { return nil }
        let base = JournalIdentity.Base(version: version.version, length: range.upperBound, type: version.type)
        var isRefused = false
        let outcome = try changeShape { oldSize in
            min(oldSize, range.lowerBound)..<range.upperBound
        } spool: { oldSize throws(LocalStoreError) in
            // Somebody may have written since.
            isRefused = !state.withLock { $0.continues(range.lowerBound, source, version) }
            guard !isRefused else { return }
            try spool.truncate(to: range.upperBound)
            // Without a record recovery would take the hole for the bytes.
            do throws(LocalStoreError) { try journal?.copies(source, base) } catch {
                try spool.truncate(to: range.lowerBound)
                throw error
            }
        } then: { state in
            guard !isRefused else { return }
            (state.source, state.base) = (source, version)
            state.plan.content.extendBase(to: range.upperBound)
        }
        return isRefused ? nil : outcome
    }
}

extension DirtyFile.State {
    fileprivate func continues(_ position: UInt64, _ source: BlobAddress, _ version: BlobProperties) -> Bool {
        guard log == nil, plan.content.size == position, plan.blocks.isEmpty else { return false }
        if position == 0 { return true }
        return self.source == source && base?.version == version.version && plan.content.isBaseAlone
    }

    /// The MD5 of the blob that this one copies as a whole.
    var copiedMD5: String? {
        guard source != nil, let base, plan.content.size == base.length, plan.content.isBaseAlone else { return nil }
        return base.contentMD5
    }
}
