internal import Glibc
internal import LocalStore
internal import Synchronization

/// The clean files below the cache, and the threads that may wait for the disk: what somebody waits for never stands
/// behind what is fetched ahead, saved or verified.
final class DiskCache: Sendable {
    /// Files that stay open after their last reader: to open one anew means to verify it anew before the kernel may read
    /// it by itself. Two descriptors each.
    static let keptMax = 128

    private let files: CleanFiles
    /// The endpoint whose blobs these are: the directory may hold those of others, too.
    private let account: String
    private let reading: WorkerThreads
    private let ahead: WorkerThreads
    private let saving: WorkerThreads
    private let verifying: WorkerThreads
    /// The one that was used longest ago first.
    private let kept = Mutex<[CleanFile]>([])
    /// Files that are being copied, or wait for it.
    let copies = Atomic(0)
    private let pace = Mutex(SavePace())
    let isShutDown = Atomic(false)

    init(_ files: CleanFiles, account: String) {
        self.files = files
        self.account = account
        let cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        reading = WorkerThreads(name: "cache-read", count: min(max(cores, 2), 4))
        ahead = WorkerThreads(name: "cache-ahead", count: min(max(cores, 2), 4))
        saving = WorkerThreads(name: "cache-save", count: 1)
        verifying = WorkerThreads(name: "cache-verify", count: 1)
    }

    /// Looks for the version's file.
    func find(_ attached: AttachedFile, length: UInt64) {
        guard length > 0 else { return attached.found(nil) }
        reading.run { [self] in
            attached.found(files.file(attached.key.cleanFileKey(account: account), length: length, isMade: false))
        }
    }

    /// Makes the version's file, or opens it; waits while the directory is counted. Blocks.
    func make(_ key: VersionKey, length: UInt64) -> CleanFile? {
        length > 0 ? files.file(key.cleanFileKey(account: account), length: length) : nil
    }

    /// Brings bytes to the version's file; `false` if they will not get there. Blocks.
    func save(_ save: Save, _ bytes: UnsafeRawBufferPointer, isLate: Bool) -> Bool {
        guard !isShutDown.load(ordering: .relaxed) else { return false }
        if save.file.file == nil, let made = make(save.file.key, length: save.length) { save.file.found(made) }
        guard let file = save.file.file else { return false }
        // An append blob that grew: this may be the first that comes of the new bytes.
        file.extend(to: save.range.upperBound)
        let isDirect = pace.withLock { $0.isDirect(bytes.count, isLate: isLate) }
        let start = ContinuousClock.now
        defer { pace.withLock { $0.note(bytes.count, start.duration(to: .now), isDirect: isDirect) } }
        return file.save(bytes, at: save.range.lowerBound, isDirect: isDirect)
    }

    /// Behind the saves that were asked for before: they make the files. What stays open after its last reader is let go.
    func rename(_ versions: [BlockCache.Renamed]) {
        saving.run { [self] in
            for version in versions {
                let old = version.old.cleanFileKey(account: account)
                files.rename(old, to: version.new.cleanFileKey(account: account))
                let dropped = kept.withLock { kept -> CleanFile? in
                    guard let index = kept.firstIndex(where: { $0.key == old }) else { return nil }
                    return kept.remove(at: index)
                }
                withExtendedLifetime(dropped) {}
            }
        }
    }

    func read(isForeground: Bool, _ job: @escaping @Sendable () -> Void) {
        (isForeground ? reading : ahead).run(job)
    }

    func runSave(_ job: @escaping @Sendable () -> Void) { saving.run(job) }

    /// The last reader of a version is closed.
    func letGo(_ attached: AttachedFile) {
        attached.whenKnown { [self] file in
            guard let file, !files.isToBeRenamed(file) else { return }
            // Closed by whom drops the last reference: not under the lock.
            let dropped = kept.withLock { kept -> CleanFile? in
                kept.removeAll { $0 === file }
                kept.append(file)
                return kept.count > Self.keptMax ? kept.removeFirst() : nil
            }
            withExtendedLifetime(dropped) {}
            if attached.wantsVerification.load(ordering: .relaxed) { verifying.run { _ = file.verify() } }
        }
    }
}
