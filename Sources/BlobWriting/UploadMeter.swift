package import BlobStorage
internal import DequeModule
internal import Synchronization

/// What the uploads have done so far, for `status`.
package struct UploadStatistics: Sendable {
    /// Commits that run now.
    package var commitsRunning = 0
    /// Blocks on their way now.
    package var stagesInFlight = 0
    /// Since the start; also bytes that were rewritten later or not committed yet.
    package var bytesStaged: UInt64 = 0
    package var filesCommitted: UInt64 = 0
    /// The sizes of the committed files.
    package var bytesCommitted: UInt64 = 0
    /// The last failures, the newest last: background stagings too, which a commit may have made good since.
    package var failures: [UploadFailure] = []
}

/// Something that did not get into the store.
package struct UploadFailure: Sendable {
    package var blob: BlobAddress
    package var reason: String
    /// Whether a close or fsync failed by it.
    package var isCommit: Bool
}

/// Counts for `UploadStatistics`.
final class UploadMeter: Sendable {
    static let failureCountMax = 16

    private let state = Mutex(UploadStatistics())

    var statistics: UploadStatistics { state.withLock { $0 } }

    func commitStarted() { state.withLock { $0.commitsRunning += 1 } }

    func commitEnded(_ outcome: CommitRound.Outcome, of blob: BlobAddress) {
        state.withLock { state in
            state.commitsRunning -= 1
            switch outcome {
            case .success(let file):
                state.filesCommitted += 1
                state.bytesCommitted += file.size
            case .failure(let error): state.add(UploadFailure(blob: blob, reason: "\(error)", isCommit: true))
            }
        }
    }

    func stageStarted() { state.withLock { $0.stagesInFlight += 1 } }

    func stageEnded(byteCount: Int, failure: CommitError?, of blob: BlobAddress) {
        state.withLock { state in
            state.stagesInFlight -= 1
            guard let failure else {
                state.bytesStaged += UInt64(byteCount)
                return
            }
            if !failure.isCancelled { state.add(UploadFailure(blob: blob, reason: "\(failure)", isCommit: false)) }
        }
    }
}

extension UploadStatistics {
    fileprivate mutating func add(_ failure: UploadFailure) {
        failures.append(failure)
        if failures.count > UploadMeter.failureCountMax { failures.removeFirst() }
    }
}
