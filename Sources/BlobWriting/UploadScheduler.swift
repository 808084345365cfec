package import BlobStorage
internal import DequeModule
internal import Glibc
package import LocalStore
package import Logging
internal import Synchronization

/// Shares the way to the store among all files that are being written: which block goes next, and how many at once.
///
/// Files with blocks to send stand in line and send one block each in turn; those for which a commit waits stand in a
/// line of their own, which goes first. Nothing of a block is held in memory before its turn, nor after: its bytes are
/// in the page cache of the data file.
package final class UploadScheduler: Sendable {
    package let store: any BlobStore
    let configuration: UploadConfiguration
    let logger: Logger
    package let journal: JournalDirectory
    /// For reading back and for freeing.
    let disk: WorkerThreads
    /// For MD5, which would hold up the others.
    let hashing: WorkerThreads
    let commits: AsyncLimiter
    let fetches: AsyncLimiter
    let meter = UploadMeter()
    private let line: Mutex<Line>

    fileprivate struct Line {
        var inFlight = 0
        var urgent: Deque<DirtyFile> = []
        var background: Deque<DirtyFile> = []
        /// Who stands in `urgent` or `background` already.
        var urgentMembers: Set<ObjectIdentifier> = []
        var backgroundMembers: Set<ObjectIdentifier> = []
    }

    package init(
        store: any BlobStore,
        configuration: UploadConfiguration,
        logger: Logger,
        journal: JournalDirectory? = nil
    ) throws(LocalStoreError) {
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        self.store = store
        self.configuration = configuration
        self.logger = logger
        disk = WorkerThreads(name: "spool", count: min(4, max(2, cores)))
        hashing = WorkerThreads(name: "hash", count: min(4, cores))
        self.journal =
            if let journal { journal } else {
                try JournalDirectory(
                    path: configuration.journalDirectory,
                    owner: configuration.journalOwner,
                    threads: disk,
                    succession: configuration.journalSuccession
                )
            }
        commits = AsyncLimiter(configuration.commitsInFlightMax)
        fetches = AsyncLimiter(configuration.fetchesInFlightMax)
        line = Mutex(Line())
    }

    package var statistics: UploadStatistics { meter.statistics }

    /// The file has blocks to send.
    func enqueue(_ file: DirtyFile, isUrgent: Bool) {
        line.withLock { $0.append(file, isUrgent: isUrgent) }
        sendNext()
    }

    private func sendNext() {
        while let (file, isUrgent) = line.withLock({ $0.take(limit: configuration.stagesInFlightMax) }) {
            let started = file.startNextStage { [self] in
                line.withLock { $0.inFlight -= 1 }
                sendNext()
            }
            line.withLock { line in
                if !started { line.inFlight -= 1 }
                if started, file.hasReadyBlocks { line.append(file, isUrgent: isUrgent) }
            }
        }
    }
}

extension UploadScheduler.Line {
    fileprivate mutating func append(_ file: DirtyFile, isUrgent: Bool) {
        if isUrgent {
            if urgentMembers.insert(ObjectIdentifier(file)).inserted { urgent.append(file) }
        } else if backgroundMembers.insert(ObjectIdentifier(file)).inserted {
            background.append(file)
        }
    }

    /// The file whose turn it is, and a place on the way for it.
    fileprivate mutating func take(limit: Int) -> (file: DirtyFile, isUrgent: Bool)? {
        guard inFlight < limit else { return nil }
        if let file = urgent.popFirst() {
            urgentMembers.remove(ObjectIdentifier(file))
            inFlight += 1
            return (file, true)
        }
        guard let file = background.popFirst() else { return nil }
        backgroundMembers.remove(ObjectIdentifier(file))
        inFlight += 1
        return (file, false)
    }
}
