internal import BlobReading
package import BlobStorage
internal import BlobWriting
internal import FileSystemModel
internal import Foundation
internal import LocalStore
internal import Logging
package import OutputTree
internal import Synchronization
package import TestSupport
internal import Testing

/// A world without a kernel: trees over one store in memory, and clocks that move when told to.
package final class TreeWorld: World {
    private struct Mount: Sendable {
        let tree: OutputFileSystem
        let files: TreeFiles
        let spool: String
    }

    package let store: MemoryStore
    package let clock = ManualClock()
    private let options: TreeOptions
    private let keepsNames: Bool
    private let disk: DiskUse
    private let cacheDirectory = TemporaryName()
    private let mounts = Mutex<[Mount]>([])
    private let first: Mount

    /// `change` sets the options of all mounts. With a cache on disk, all mounts share it.
    package init(
        keepsNames: Bool = false,
        namespace: Namespace = .flat,
        habits: ListingHabits = ListingHabits(),
        disk: DiskUse = .none,
        _ change: (inout TreeOptions) -> Void = { _ in }
    ) throws {
        store = MemoryStore(namespace: namespace, habits: habits)
        self.keepsNames = keepsNames
        self.disk = disk
        var options = TreeOptions(userID: geteuid(), groupID: getegid())
        change(&options)
        self.options = options
        first = try Self.mount(store, options, clock, keepsNames: keepsNames, disk, cacheDirectory.path)
        mounts.withLock { $0.append(first) }
    }

    private static func mount(
        _ store: MemoryStore,
        _ options: TreeOptions,
        _ clock: ManualClock,
        keepsNames: Bool,
        _ disk: DiskUse,
        _ cacheDirectory: String
    ) throws -> Mount {
        let spool = NSTemporaryDirectory() + "/outputfs-suite-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
        let tree = try makeTree(
            over: store,
            options: options,
            spool: spool,
            cache: disk == .none ? nil : cacheDirectory,
            clock: clock.treeClock
        )
        let files = TreeFiles(fileSystem: tree, keepsNames: keepsNames, usesPassthrough: disk == .passthrough)
        return Mount(tree: tree, files: files, spool: spool)
    }

    /// Whether the directory of the disk cache has a file of this version.
    package func holdsLocally(_ blob: BlobAddress, _ etag: ETag) -> Bool {
        let directory = cacheDirectory.path
        let paths = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        return paths.filter { $0.hasSuffix(".index") }.contains { path in
            guard let index = FileManager.default.contents(atPath: directory + "/" + path) else { return false }
            return index.contains(Data(blob.name.utf8)) && index.contains(Data(etag.text.utf8))
        }
    }

    package var tree: OutputFileSystem { first.tree }
    package var kernel: TreeFiles { first.files }
    package var files: any FileOperations { first.files }

    package func anotherMount() throws -> any FileOperations { try secondTree().1 }

    /// Another mount, with the tree itself.
    package func secondTree() throws -> (OutputFileSystem, TreeFiles) {
        let mount = try Self.mount(store, options, clock, keepsNames: keepsNames, disk, cacheDirectory.path)
        mounts.withLock { $0.append(mount) }
        return (mount.tree, mount.files)
    }

    package func letValidityPass() { clock.advance(by: options.attributeValidity + .milliseconds(1)) }

    /// How many requests three rounds of `body` cost, each behind the time for which anything was known.
    package func requestsOfThreeRounds(_ body: () throws -> Void) rethrows -> Int {
        let before = store.counts.values.reduce(0, +)
        for _ in 0..<3 {
            try body()
            letValidityPass()
        }
        return store.counts.values.reduce(0, +) - before
    }

    /// As the other `end`, for a test that has no thread of its own: that one would keep one of the two threads of Swift's
    /// pool, and what it waits for, and all tests that run beside, the other.
    package func end() async { try? await onOwnThread { self.end() } }

    /// Lets go of everything. What must be true at the end of every test is checked here: no lookup is left that was
    /// not given back, and no node that nobody needs.
    package func end() {
        for mount in mounts.withLock({ $0 }) {
            if mount.files.openCount == 0 {
                mount.files.forgetAll()
                #expect(mount.files.heldLookups == 0)
                #expect(mount.tree.status().openHandles == 0)
                // Its own two, and the files that are still on their way; what is sent behind a close settles after it.
                let isSettled = eventually {
                    let status = mount.tree.status()
                    return status.knownNodes <= 2 + status.pendingFiles.count
                }
                #expect(isSettled, "\(mount.tree.status())")
            }
            mount.tree.shutDown()
            try? FileManager.default.removeItem(atPath: mount.spool)
        }
    }
}

/// What a world's mounts do with the local disk.
package enum DiskUse: Sendable {
    case none
    /// They cache on it.
    case cache
    /// And the kernel reads by itself what is there as a whole.
    case passthrough
}

/// A path where nothing is yet; what was made there goes with this value.
package final class TemporaryName: Sendable {
    package let path = NSTemporaryDirectory() + "/outputfs-cache-" + UUID().uuidString

    package init() {}

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A tree with little memory and small blocks, so that small files already have many of them. `cache`: the directory of
/// its clean files, if it has any.
package func makeTree(
    over store: any BlobStore,
    options: TreeOptions,
    spool: String,
    cache: String? = nil,
    clock: TreeClock
) throws -> OutputFileSystem {
    let logger = Logger(label: "suite") { _ in SwiftLogNoOpLogHandler() }
    let reading = BlockCacheConfiguration(
        memoryBudget: 8 << 20,
        blockSize: 256 << 10,
        pieceSize: 64 << 10,
        verification: .none
    )
    var writing = UploadConfiguration(journalDirectory: spool)
    writing.blockSize = 256 << 10
    writing.singlePutMax = 256 << 10
    let cleanFiles = try cache.map { directory in
        try CleanFiles(
            .init(directory: directory, capacity: 8 << 20),
            threads: WorkerThreads(name: "clean", count: 1),
            logger: logger
        )
    }
    return OutputFileSystem(
        store: store,
        cache: BlockCache(
            store: store,
            configuration: reading,
            cleanFiles: cleanFiles,
            account: "https://account.example",
            logger: logger
        ),
        uploads: try UploadScheduler(store: store, configuration: writing, logger: logger),
        options: options,
        logger: logger,
        clock: clock
    )
}

/// Time that stands still until it is told to go on.
package final class ManualClock: Sendable {
    private let elapsed = Mutex<Duration>(.seconds(1_000))

    package init() {}

    package func advance(by duration: Duration) { elapsed.withLock { $0 += duration } }

    /// Its wall clock began at 2023-11-14T22:13:20Z less 1,000 s.
    package var treeClock: TreeClock {
        TreeClock(
            wall: { [self] in
                let now = elapsed.withLock { $0 }.components
                return Timestamp(
                    seconds: 1_699_999_000 + now.seconds,
                    nanoseconds: Int32(now.attoseconds / 1_000_000_000)
                )
            },
            monotonic: { [self] in elapsed.withLock { $0 } }
        )
    }
}
