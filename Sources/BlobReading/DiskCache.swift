internal import BlobStorage
internal import Glibc
internal import LocalStore

/// The clean files below the cache, and the threads that may wait for the disk: what somebody waits for never stands
/// behind what is fetched ahead, saved or verified.
final class DiskCache: Sendable {
    private let files: CleanFiles
    private let reading: WorkerThreads
    private let ahead: WorkerThreads
    private let saving: WorkerThreads
    private let verifying: WorkerThreads

    init(_ files: CleanFiles) {
        self.files = files
        let cores = max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1)
        reading = WorkerThreads(name: "cache-read", count: min(max(cores, 2), 4))
        ahead = WorkerThreads(name: "cache-ahead", count: min(max(cores, 2), 4))
        saving = WorkerThreads(name: "cache-save", count: 1)
        verifying = WorkerThreads(name: "cache-verify", count: 1)
    }

    /// Looks for the version's file, and makes one if there is none.
    func find(_ key: VersionKey, length: UInt64, for attached: AttachedFile) {
        reading.run { [files] in attached.found(length > 0 ? files.file(key.cleanFileKey, length: length) : nil) }
    }

    func read(isForeground: Bool, _ job: @escaping @Sendable () -> Void) {
        (isForeground ? reading : ahead).run(job)
    }

    func save(_ job: @escaping @Sendable () -> Void) { saving.run(job) }

    func verify(_ job: @escaping @Sendable () -> Void) { verifying.run(job) }
}
