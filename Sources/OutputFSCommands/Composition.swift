internal import AzureBlob
internal import BlobEmulator
internal import BlobReading
internal import BlobStorage
internal import BlobWriting
internal import FuseBinding
internal import Glibc
internal import LocalStore
internal import Logging
internal import OutputTree

/// Where everything meets: the only place that knows all modules.
enum Composition {
    /// The tree of one mount, wired and checked against the store, not mounted yet.
    static func mountedTree(_ configuration: MountConfiguration, logger: Logger) throws(CommandFailure) -> MountedTree {
        try check(configuration, logger: logger)
        let store = try blobStore(
            configuration.source,
            AzureBlobStoreConfiguration(
                retryDeadline: configuration.retryDeadline,
                commitDeadline: configuration.commitDeadline
            ),
            logger
        )
        let verification: RangeVerification = configuration.verifiesReads ? .crc64 : .none
        if let concern = MemoryBudget.concern(configuration.memory, cgroupMax: ControlGroup.memoryMax()) {
            logger.warning("\(concern)")
        }
        let cache = BlockCache(
            store: store,
            configuration: BlockCacheConfiguration(
                // One budget: what the transport has received and not handed on is part of it.
                memoryBudget: configuration.memory - store.receiveBufferBytes,
                verification: verification
            ),
            logger: logger
        )
        let uploads = try uploadScheduler(store, configuration, verification, logger)
        var options = TreeOptions(userID: configuration.userID, groupID: configuration.groupID)
        options.views = Set(configuration.views)
        options.onlyContainer = configuration.source.container
        options.attributeValidity = configuration.attributeValidity
        options.filePermissions = configuration.filePermissions
        options.directoryPermissions = configuration.directoryPermissions
        options.usesPosixMetadata = configuration.usesPosixMetadata
        options.isReadOnly = configuration.isReadOnly
        let tree = OutputFileSystem(store: store, cache: cache, uploads: uploads, options: options, logger: logger)

        var session = SessionOptions(
            mountPoint: configuration.mountPoint,
            fsName: configuration.source.description
        )
        session.allowOther = configuration.allowsOthers
        session.isReadOnly = configuration.isReadOnly
        do throws(SessionError) {
            return MountedTree(
                source: configuration.source.description,
                store: store,
                cache: cache,
                uploads: uploads,
                tree: tree,
                session: try FuseSession(fileSystem: tree, options: session, logger: logger)
            )
        } catch { throw CommandFailure(error) }
    }

    /// One request with a store of its own: a wrong key is told at once, an endpoint that is down within 10 s and not
    /// after the retries that a running mount is owed.
    private static func check(_ configuration: MountConfiguration, logger: Logger) throws(CommandFailure) {
        let source = configuration.source
        let store = try blobStore(
            source,
            AzureBlobStoreConfiguration(
                maxConnections: 1,
                connectTimeout: .seconds(5),
                stallTimeout: .seconds(10),
                retryDeadline: min(configuration.retryDeadline, .seconds(10)),
                commitDeadline: .seconds(10)
            ),
            logger
        )
        let error = PlainThread.wait { await StorageCheck.run(store, onlyContainer: source.container) }
        guard let error else { return }
        let endpoint = source.account.endpoint.description
        if let failure = StorageCheck.failure(error, source: source.description, endpoint: endpoint) { throw failure }
        logger.notice("\(source) may not be listed with these credentials; names that are known can be opened")
    }

    private static func blobStore(
        _ source: StorageSource,
        _ configuration: AzureBlobStoreConfiguration,
        _ logger: Logger
    ) throws(CommandFailure) -> AzureBlobStore {
        do throws(StorageError) {
            return try AzureBlobStore(
                account: source.account,
                credential: source.credential,
                configuration: configuration,
                logger: logger
            )
        } catch {
            guard error.kind == .invalid else { throw CommandFailure(.system, error.message) }
            throw CommandFailure(
                .configuration,
                "the credential for \(source) cannot be used: \(error.message)",
                try: "an account key is base64, as the portal shows it; a SAS is sv=…&sig=…"
            )
        }
    }

    private static func uploadScheduler(
        _ store: AzureBlobStore,
        _ configuration: MountConfiguration,
        _ verification: RangeVerification,
        _ logger: Logger
    ) throws(CommandFailure) -> UploadScheduler {
        var uploads = UploadConfiguration(spoolDirectory: configuration.spoolDirectory)
        uploads.verification = verification
        do throws(LocalStoreError) {
            return try UploadScheduler(store: store, configuration: uploads, logger: logger)
        } catch {
            throw CommandFailure(.cannotCreate, "--spool-dir: \(error)", try: "--spool-dir elsewhere")
        }
    }

    /// The embedded server, serving.
    static func emulator(_ settings: EmulatorSettings) throws(CommandFailure) -> RunningEmulator {
        let configuration = EmulatorConfiguration(
            address: settings.address,
            port: settings.port,
            dataDirectory: settings.dataDirectory,
            accounts: settings.accounts.map { EmulatorAccount(name: $0.name, key: $0.key) },
            allowsControl: settings.allowsControl
        )
        do throws(EmulatorError) {
            let emulator = try Emulator(configuration)
            emulator.start()
            return RunningEmulator(emulator: emulator, endpoint: "http://\(settings.address):\(emulator.port)")
        } catch {
            switch error {
            case .address(let address, let reason):
                throw CommandFailure(
                    .cannotCreate,
                    "the emulator cannot listen on \(address): \(reason)",
                    try: "--listen 127.0.0.1:0, which takes a free port"
                )
            case .dataDirectory(let path, let reason):
                throw CommandFailure(
                    .cannotCreate,
                    "--data \(path) \(reason)",
                    try: "--data with a directory of its own"
                )
            case .accountKey:
                throw CommandFailure(.system, "the emulator cannot start: \(error)")
            }
        }
    }
}

/// The embedded server, while it serves.
struct RunningEmulator: Sendable {
    fileprivate let emulator: Emulator
    /// `http://127.0.0.1:10000`; an account's endpoint is its name behind this.
    let endpoint: String

    func stop() { emulator.stop() }
}

/// One mount's parts, in the order in which they end: session, tree, store.
struct MountedTree: Sendable {
    /// As in /proc/mounts; without secrets.
    let source: String
    fileprivate let store: AzureBlobStore
    fileprivate let cache: BlockCache
    fileprivate let uploads: UploadScheduler
    fileprivate let tree: OutputFileSystem
    fileprivate let session: FuseSession

    func mount() throws(CommandFailure) {
        do throws(SessionError) { try session.mount() } catch { throw CommandFailure(error) }
    }

    /// Answers the kernel until the mount is gone.
    func run() { session.run() }

    /// The reason why the mount is still there, or `nil`.
    func unmount(lazily: Bool) -> SessionError? {
        do throws(SessionError) {
            try session.unmount(lazily: lazily)
            return nil
        } catch { return error }
    }

    /// Sends what waits, and says what could not be sent in time.
    func drain(timeout: Duration) -> [PendingFile] {
        let tree = tree
        return PlainThread.wait { await tree.drain(timeout: timeout) }.remaining.map { file in
            PendingFile(path: file.path, reason: file.lastError ?? (file.isOpen ? "still open" : "not sent yet"))
        }
    }

    var treeStatus: TreeStatus { tree.status() }

    var kernelRequests: [String: UInt64] { session.requestCounts }

    var kernelRequestsWaiting: Int { session.requestsInFlight }

    var cacheStatus: CacheStatus {
        let statistics = cache.statistics
        return CacheStatus(
            resident: statistics.residentBytes,
            budget: statistics.memoryBudget,
            hits: statistics.hits,
            misses: statistics.misses,
            served: statistics.bytesServed,
            readAhead: statistics.readAheadBytes,
            readAheadWaste: statistics.readAheadWaste
        )
    }

    var uploadsStatus: UploadsStatus {
        let statistics = uploads.statistics
        return UploadsStatus(
            commitsRunning: statistics.commitsRunning,
            blocksInFlight: statistics.stagesInFlight,
            bytesStaged: statistics.bytesStaged,
            filesCommitted: statistics.filesCommitted,
            bytesCommitted: statistics.bytesCommitted
        )
    }

    var storeStatus: StoreStatus {
        let counters = store.counters
        var requests: [String: Int] = [:]
        for (operation, count) in counters.requests { requests[operation.rawValue] = count }
        return StoreStatus(
            requests: requests,
            retries: counters.retries,
            failures: counters.failures,
            bytesReceived: counters.bytesReceived,
            bytesSent: counters.bytesSent
        )
    }

    /// The tree must not be asked any more. The store ends with its last user.
    func shutDown() { tree.shutDown() }
}

extension CommandFailure {
    /// The session's own words already say what, where and what to do.
    init(_ error: SessionError) {
        let status: ExitStatus =
            switch error.code {
            case .invalidOption: .usage
            case .mountPointMissing, .mountPointNotADirectory: .notFound
            case .alreadyMounted, .deadMount, .busy: .busy
            case .deviceMissing, .helperMissing, .refused, .resources: .system
            case .notPermitted: .denied
            }
        self.init(status, "\(error.subject): \(error.reason)")
        if !error.remedy.isEmpty { remedies = [error.remedy] }
    }
}
