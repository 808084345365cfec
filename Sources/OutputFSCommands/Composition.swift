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
        let azure = try blobStore(
            configuration.source,
            AzureBlobStoreConfiguration(
                retryDeadline: configuration.retryDeadline,
                commitDeadline: configuration.commitDeadline
            ),
            logger
        )
        let records = try records(configuration.batchAccount, logger)
        let store: any BlobStore = records.map { StoreWithRecords(azure, records: $0) } ?? azure
        let verification: RangeVerification = configuration.verifiesReads ? .offered : .none
        if let concern = MemoryBudget.concern(configuration.memory, cgroupMax: ControlGroup.memoryMax()) {
            logger.warning("\(concern)")
        }
        let cleanFiles = try cleanFiles(configuration, logger)
        let cache = BlockCache(
            store: store,
            configuration: BlockCacheConfiguration(
                // One budget: what the transport has received and not handed on is part of it.
                memoryBudget: configuration.memory - azure.receiveBufferBytes,
                verification: verification
            ),
            cleanFiles: cleanFiles,
            account: configuration.source.account.endpoint.description,
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
        options.trackedKinds = configuration.trackedKinds
        options.logInterval = configuration.logInterval
        options.isReadOnly = configuration.isReadOnly
        options.durability = configuration.durability
        options.exclusiveCreation = configuration.exclusiveCreation
        options.conflictPolicy = configuration.conflictPolicy
        options.records = records
        let tree = OutputFileSystem(store: store, cache: cache, uploads: uploads, options: options, logger: logger)
        if !configuration.isReadOnly { recover(tree, uploads, configuration, logger) }

        var session = SessionOptions(
            mountPoint: configuration.mountPoint,
            fsName: configuration.source.description
        )
        session.allowOther = configuration.allowsOthers
        session.isReadOnly = configuration.isReadOnly
        session.mountFlags = configuration.mountFlags
        do throws(SessionError) {
            return MountedTree(
                source: configuration.source.description,
                store: azure,
                cache: cache,
                cleanFiles: cleanFiles,
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
        let store = try impatientStore(source, retryDeadline: configuration.retryDeadline, logger)
        if let container = configuration.newContainer { try make(container, store, source, logger) }
        let error = PlainThread.wait { await StorageCheck.run(store, onlyContainer: source.container) }
        guard let error else { return }
        let endpoint = source.account.endpoint.description
        if let failure = StorageCheck.failure(error, source: source.description, endpoint: endpoint) { throw failure }
        logger.notice("\(source) may not be listed with these credentials; names that are known can be opened")
    }

    private static func make(
        _ container: NewContainer,
        _ store: AzureBlobStore,
        _ source: StorageSource,
        _ logger: Logger
    ) throws(CommandFailure) {
        var metadata: BlobMetadata = [:]
        if let jobID = container.jobID { metadata[OutputFileSystem.jobIDKey] = jobID }
        let error: StorageError? = PlainThread.wait { [metadata] in
            do throws(StorageError) {
                _ = try await store.createContainer(container.name, metadata: metadata)
                return nil
            } catch { return error }
        }
        switch error?.kind {
        case nil: logger.notice("the container \(container.name) is made")
        case .alreadyExists: break
        case .denied:
            throw CommandFailure(
                .denied,
                "--create-container: \(container.name) may not be made with these credentials",
                try: "an account key or an account's SAS: that of a container is good for a container that is there",
                "leave out --create-container, where the job's owner has made it"
            )
        default:
            if let error,
                let failure = StorageCheck.failure(error, source: "\(source)", endpoint: "\(source.account.endpoint)")
            {
                throw failure
            }
        }
    }

    /// A few cheap requests, for `doctor`.
    static func probe(_ source: StorageSource) throws(CommandFailure) -> StoreProbe {
        let store = try impatientStore(
            source,
            retryDeadline: .seconds(10),
            Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
        )
        let container = source.container
        var probe = StoreProbe()
        // The first makes the connection; of the others the fastest tells how far it is.
        for _ in 0..<4 where probe.error == nil {
            let start = ContinuousClock.now
            probe.error = PlainThread.wait { await StorageCheck.run(store, onlyContainer: container) }
            probe.times.append(start.duration(to: .now))
        }
        if probe.error.map({ $0.kind == .denied }) ?? true {
            // A name that nobody has; a container, too, where the credentials are not for one.
            let unique = "outputfs-doctor-\(UInt64.random(in: .min ... .max))"
            let blob = BlobAddress(container: container ?? unique, name: unique)
            probe.permissions = PlainThread.wait { await Permissions.probe(store, blob) }
        }
        probe.clockOffset = store.counters.clockOffset
        return probe
    }

    /// With one connection, and not much time.
    private static func impatientStore(
        _ source: StorageSource,
        retryDeadline: Duration,
        _ logger: Logger
    ) throws(CommandFailure) -> AzureBlobStore {
        try blobStore(
            source,
            AzureBlobStoreConfiguration(
                maxConnections: 1,
                connectTimeout: .seconds(5),
                stallTimeout: .seconds(10),
                retryDeadline: min(retryDeadline, .seconds(10)),
                commitDeadline: .seconds(10)
            ),
            logger
        )
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

    /// For `upload`: a way into the store, without tree or journal.
    static func store(for source: StorageSource, _ logger: Logger) throws(CommandFailure) -> any BlobStore {
        try blobStore(source, AzureBlobStoreConfiguration(), logger)
    }

    private static func uploadScheduler(
        _ store: any BlobStore,
        _ configuration: MountConfiguration,
        _ verification: RangeVerification,
        _ logger: Logger
    ) throws(CommandFailure) -> UploadScheduler {
        var uploads = UploadConfiguration(journalDirectory: configuration.journalDirectory)
        uploads.journalOwner = configuration.source.journalOwner
        uploads.verification = verification
        do throws(LocalStoreError) {
            return try UploadScheduler(store: store, configuration: uploads, logger: logger)
        } catch {
            throw CommandFailure(.cannotCreate, "--journal-dir: \(error)", try: "--journal-dir elsewhere")
        }
    }

    /// What Batch knows, where somebody gave a credential for it. Nothing is asked yet: Batch must not keep a mount away.
    private static func records(
        _ account: BatchAccount?,
        _ logger: Logger
    ) throws(CommandFailure) -> (any JobRecords)? {
        guard let account else { return nil }
        do throws(AccountError) {
            let service = try BatchService(account)
            return BatchRecords(BatchQuestions(service), logger: logger, now: Surroundings.system.uptime)
        } catch { throw CommandFailure(.configuration, "\(error)", try: "the key as the portal shows it") }
    }

    /// What earlier processes left for this account, or container, goes on from here.
    private static func recover(
        _ tree: OutputFileSystem,
        _ uploads: UploadScheduler,
        _ configuration: MountConfiguration,
        _ logger: Logger
    ) {
        let owner = configuration.source.journalOwner
        do throws(LocalStoreError) {
            let found = try uploads.journal.survivors { $0.utf8.elementsEqual(owner.utf8) }
            for problem in found.problems { logger.error("the journal: \(problem)") }
            var (files, unreadable): ([RecoveredFile], [RecoveredFile.Unreadable]) = ([], [])
            for entry in found.entries {
                do throws(RecoveredFile.Unreadable) { files.append(try RecoveredFile(entry)) } catch {
                    unreadable.append(error)
                }
            }
            tree.recover(files, unreadable: unreadable)
        } catch { logger.error("what earlier mounts left in the journal cannot be looked at: \(error)") }
    }

    /// For `recover`: a store and the way to it, without a mount.
    static func uploads(
        to source: StorageSource,
        journalDirectory: String,
        _ logger: Logger
    ) throws(CommandFailure) -> UploadScheduler {
        let store = try blobStore(source, AzureBlobStoreConfiguration(), logger)
        var uploads = UploadConfiguration(journalDirectory: journalDirectory)
        uploads.journalOwner = source.journalOwner
        do throws(LocalStoreError) {
            return try UploadScheduler(store: store, configuration: uploads, logger: logger)
        } catch { throw CommandFailure(.cannotCreate, "--journal-dir: \(error)") }
    }

    /// `nil` without `--cache-dir`. The directory is there.
    private static func cleanFiles(
        _ configuration: MountConfiguration,
        _ logger: Logger
    ) throws(CommandFailure) -> CleanFiles? {
        guard let settings = configuration.diskCache else { return nil }
        let capacity: UInt64
        if let given = settings.capacity {
            capacity = given
        } else {
            capacity = try DiskRoom.standardCapacity(of: settings.directory)
        }
        do throws(LocalStoreError) {
            return try CleanFiles(
                CleanFiles.Configuration(directory: settings.directory, capacity: capacity),
                threads: WorkerThreads(name: "cache-scan", count: 1),
                logger: logger
            )
        } catch {
            throw CommandFailure(
                .cannotCreate,
                "--cache-dir: \(error)",
                try: "--cache-dir with an empty directory of yours on a local disk"
            )
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
