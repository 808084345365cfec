package import BlobStorage
internal import Checksums
internal import Glibc
package import LocalStore
internal import Logging
internal import Synchronization

/// What makes a dirty file outlive its process.
extension DirtyFile {
    /// What was known of the name when this was begun.
    package var known: KnownName { journal?.known ?? .unknown }

    /// Of its entry, as in `RecoveredFile.name`.
    package var journalName: String? { journal?.entry.name }

    /// A program is in the middle of changing it: no close or fsync has said yet that this is what it wants.
    package var hasOpenChanges: Bool { journal?.hasOpenChanges ?? false }

    /// Bytes and log to the disk, and that close or fsync asked for them: from now on they are uploaded, whatever
    /// happens to this process or the power.
    package func persist(_ headers: BlobHeaders) async throws(LocalStoreError) {
        guard let journal else { return }
        let time = Self.now
        try await scheduler.disk.perform { () throws(LocalStoreError) in
            try journal.due(headers, at: time)
            try journal.synchronize()
        }
    }

    /// Owner, mode, times or attributes were changed while the file waits to be sent. `false` if it does not wait: then no
    /// close or fsync asked for it yet.
    package func noteHeaders(_ headers: BlobHeaders) async throws(LocalStoreError) -> Bool {
        guard let journal else { return false }
        let time = Self.now
        return try await scheduler.disk.perform { () throws(LocalStoreError) in
            try journal.headersChanged(headers, at: time)
        }
    }

    /// The name has nothing any more: this mount deleted what was there to put this in its place.
    package func noteDeleted() async {
        guard let journal else { return }
        let blob = blob
        await scheduler.disk.perform {
            journal.moved(to: blob, .absent, base: nil)
            journal.flush()
        }
    }

    /// What a rename said is recorded.
    package func settleJournal() async {
        guard let journal else { return }
        await scheduler.disk.perform { journal.flush() }
    }

    /// Nothing more is sent; what is here stays in the journal for somebody to decide. To be followed by `discard`.
    package func keepInJournal(_ reason: String?) async {
        guard let journal else { return }
        let compactor = state.withLock { $0.log?.compactor }
        await scheduler.disk.perform {
            journal.release(reason)
            compactor?.journal?.release(reason)
        }
    }

    /// Brings what is only in the store to the data file.
    package func fetchMissing() async throws(CommitError) { try await fetchBase() }

    /// The MD5 of the whole file, base64; `nil` if not all of its bytes are here.
    package func contentMD5() async -> String? {
        let (size, isWhole) = state.withLock { ($0.plan.content.size, $0.plan.content.missing.isEmpty) }
        guard isWhole else { return nil }
        let spool = spool
        let sums = try? await scheduler.disk.perform { () throws(LocalStoreError) in
            try spool.checksums(of: 0..<size, crc: false, md5: true)
        }
        return sums?.md5.map { Base64.encode($0) }
    }

    /// Whether this file staged the block.
    package func isOwn(_ block: BlockID) -> Bool { state.withLock { $0.names }.isOwn(block) }

    // MARK: Around a commit

    /// A log that cannot be written does not keep the bytes from the store.
    func noteDue(_ headers: BlobHeaders) async {
        guard let journal else { return }
        let (time, logger) = (Self.now, scheduler.logger)
        await scheduler.disk.perform {
            do throws(LocalStoreError) { try journal.due(headers, at: time) } catch {
                logger.warning("what is being uploaded would not survive a crash: \(error)")
            }
        }
    }

    /// The list is on its way: if nobody hears what became of it, the next version that is found may be it.
    func noteSending(_ list: [BlockReference]) async {
        guard state.withLock({ $0.plan.needsBase }) else { return }
        let digest = BlockListDigest.of(list.map(\.id))
        state.withLock { _ = $0.unanswered.insert(digest) }
        guard let journal else { return }
        await scheduler.disk.perform { journal.sending(digest) }
    }

    func noteOutcome(_ outcome: CommitRound.Outcome) async {
        guard let journal else { return }
        let logger = scheduler.logger
        switch outcome {
        case .success(let file):
            let (position, hasMore) = state.withLock { ($0.log?.plan.position, $0.hasUnsentLog) }
            if let position { try? journal.log(position, local: position.sent, isUrgent: false) }
            journal.committed(file.version, of: file.blob)
            scheduler.disk.run {
                journal.flush()
                // Who wrote to a log meanwhile found it changed already.
                if hasMore { try? journal.willChange() }
            }
        case .failure(let error):
            guard !error.isCancelled else { return }
            // The program is about to hear that it failed: from here on the bytes survive a loss of power, too.
            await scheduler.disk.perform {
                do throws(LocalStoreError) { try journal.synchronize() } catch {
                    logger.warning("what was not uploaded is not safe on the disk: \(error)")
                }
            }
        }
    }

    private static var now: Int64 { Int64(time(nil)) }
}
