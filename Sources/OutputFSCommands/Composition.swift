internal import AzureBlob
internal import BlobEmulator
internal import BlobReading
internal import BlobStorage
internal import BlobWriting
internal import FuseBinding
internal import Glibc
internal import HandOver
internal import LocalStore
internal import Logging
internal import OutputConventions
internal import OutputTransfer
internal import OutputTree

/// Where everything meets: the only place that knows all modules.
enum Composition {
    /// The tree of one mount, wired and checked against the store, not mounted yet.
    static func mountedTree(
        _ configuration: MountConfiguration,
        _ inheritance: Inheritance,
        logger: Logger
    ) throws(CommandFailure) -> MountedTree {
        let survivors = inheritance.survivors
        let namespace: Namespace
        let door: OpenDoor
        if inheritance.device != nil, let known = survivors.namespace(0) {
            // A mount that is there goes on whether or not the store, or who gives tokens for it, answers at this moment.
            namespace = known
            door = try OpenDoor.open(configuration.source, asksFirst: false, logger: logger)
        } else {
            door = try OpenDoor.open(configuration.source, logger: logger)
            namespace = try check(configuration, door, logger: logger)
            survivors.remember(namespace, 0)
        }
        let azure = try blobStore(
            configuration.source,
            door,
            configuration.source.network.storeConfiguration(
                retryDeadline: configuration.retryDeadline,
                commitDeadline: configuration.commitDeadline,
                namespace: namespace
            ),
            logger
        )
        let records = try records(configuration.batchAccount, configuration.source.network.settings, logger)
        let datastores = try OpenDatastore.open(configuration.source, beside: azure, door, survivors, logger)
        let router = StoreRouter(azure, routes: datastores.map(\.route))
        let store: any BlobStore = records.map { StoreWithRecords(router, records: $0) } ?? router
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
        let uploads = try uploadScheduler(store, configuration, verification, survivors, logger)
        var options = TreeOptions(userID: configuration.userID, groupID: configuration.groupID)
        options.views = ShownViews(configuration.views, luisyContainer: configuration.source.luisyContainer)
        options.onlyContainer = configuration.source.container
        options.datastores = configuration.source.datastores.map(\.configured)
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
        options.commitDeadline = configuration.commitDeadline
        options.records = records
        let tree = OutputFileSystem(
            store: store,
            cache: cache,
            uploads: uploads,
            options: options,
            logger: logger,
            survivors: survivors
        )
        if configuration.isReadOnly {
            _ = tree.resume([])
        } else {
            recover(tree, uploads, router, configuration, logger)
        }

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
                credential: door.credential,
                datastores: datastores,
                cache: cache,
                cleanFiles: cleanFiles,
                uploads: uploads,
                tree: tree,
                session: try FuseSession(fileSystem: tree, options: session, logger: logger, survivors: survivors),
                inheritance: inheritance
            )
        } catch { throw CommandFailure(error) }
    }

    /// One request with a store of its own: a wrong key is told at once, an endpoint that is down within 10 s and not
    /// after the retries that a running mount is owed. A second one tells how the account keeps directories.
    private static func check(
        _ configuration: MountConfiguration,
        _ door: OpenDoor,
        logger: Logger
    ) throws(CommandFailure) -> Namespace {
        let source = configuration.source
        let store = try impatientStore(source, door, retryDeadline: configuration.retryDeadline, logger)
        if let container = configuration.newContainer { try make(container, store, source, logger) }
        let error = PlainThread.wait { await StorageCheck.run(store, onlyContainer: source.container) }
        if let error {
            let endpoint = source.account.endpoint.description
            if let failure = StorageCheck.failure(error, source: source.description, endpoint: endpoint, door.kind) {
                throw failure
            }
            let why = door.kind == .identity ? " (does it have the role Storage Blob Data Contributor?)" : ""
            logger.notice(
                "\(source) may not be listed with these credentials\(why); names that are known can be opened"
            )
        }
        let namespace = try namespace(of: source, store, logger)
        if let failure = NamespaceDetection.failure(namespace, source) { throw failure }
        return namespace
    }

    private static func namespace(
        of source: StorageSource,
        _ store: AzureBlobStore,
        _ logger: Logger
    ) throws(CommandFailure) -> Namespace {
        switch source.namespace {
        case .on: return .hierarchical
        case .off: return .flat
        case .auto: break
        }
        let container = source.container
        let found: Result<Namespace?, StorageError> = PlainThread.wait {
            do throws(StorageError) {
                return .success(try await NamespaceDetection.run(store, onlyContainer: container))
            } catch { return .failure(error) }
        }
        do throws(StorageError) {
            if let namespace = try found.get() {
                logger.debug("\(source) has a \(namespace) namespace")
                return namespace
            }
        } catch {
            // A wrong key, a name that does not resolve: that is to be mended, and not to be gone around by --hns.
            if let failure = StorageCheck.failure(
                error,
                source: source.description,
                endpoint: source.account.endpoint.description,
                source.signIn.kind
            ) {
                throw failure
            }
            throw CommandFailure(
                .unavailable,
                "whether \(source) has a hierarchical namespace cannot be told: \(error)",
                try: "--hns off, or --hns on for an account of Azure Data Lake Storage Gen2"
            )
        }
        logger.notice(
            """
            \(source) does not tell these credentials whether it has a hierarchical namespace, and is taken for a flat \
            account; with --hns on it is not
            """
        )
        return .flat
    }

    /// The tree without a mount, for commands.
    static func storeTree(_ source: StorageSource, _ logger: Logger) throws(CommandFailure) -> StoreTree {
        let door = try OpenDoor.open(source, logger: logger)
        let store = try routed(source, door, logger)
        return StoreTree(
            store: store,
            views: ShownViews(OutputView.allCases, luisyContainer: source.luisyContainer),
            onlyContainer: source.container,
            datastores: source.datastores.map(\.configured)
        )
    }

    /// The account's store with those of the datastores beside it.
    private static func routed(
        _ source: StorageSource,
        _ door: OpenDoor,
        _ logger: Logger
    ) throws(CommandFailure) -> StoreRouter {
        let store = try blobStore(source, door, source.network.storeConfiguration(), logger)
        return StoreRouter(store, routes: try OpenDatastore.open(source, beside: store, door, nil, logger).map(\.route))
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
        let logger = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
        var probe = StoreProbe()
        let door: OpenDoor
        do throws(CommandFailure) { door = try OpenDoor.open(source, logger: logger) } catch {
            probe.signIn = .failure(error)
            return probe
        }
        probe.signIn = .success(door)
        let store = try impatientStore(source, door, retryDeadline: .seconds(10), logger)
        let container = source.container
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
        _ door: OpenDoor,
        retryDeadline: Duration,
        _ logger: Logger
    ) throws(CommandFailure) -> AzureBlobStore {
        try blobStore(
            source,
            door,
            source.network.impatient.storeConfiguration(
                retryDeadline: min(retryDeadline, .seconds(10)),
                commitDeadline: .seconds(10)
            ),
            logger
        )
    }

    private static func blobStore(
        _ source: StorageSource,
        _ door: OpenDoor,
        _ configuration: AzureBlobStoreConfiguration,
        _ logger: Logger
    ) throws(CommandFailure) -> AzureBlobStore {
        do throws(StorageError) {
            return try AzureBlobStore(
                account: source.account,
                credential: door.credential,
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
        let door = try OpenDoor.open(source, logger: logger)
        return try blobStore(source, door, source.network.storeConfiguration(), logger)
    }

    private static func uploadScheduler(
        _ store: any BlobStore,
        _ configuration: MountConfiguration,
        _ verification: RangeVerification,
        _ survivors: Survivors,
        _ logger: Logger
    ) throws(CommandFailure) -> UploadScheduler {
        var uploads = UploadConfiguration(journalDirectory: configuration.journalDirectory)
        uploads.journalOwner = configuration.source.journalOwner
        uploads.journalSuccession = .init(survivors)
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
        _ network: NetworkSettings,
        _ logger: Logger
    ) throws(CommandFailure) -> (any JobRecords)? {
        guard let account else { return nil }
        do throws(AccountError) {
            let service = try BatchService(account, network: network)
            return BatchRecords(BatchQuestions(service), logger: logger, now: Surroundings.system.uptime)
        } catch { throw CommandFailure(.configuration, "\(error)", try: "the key as the portal shows it") }
    }

    /// What earlier processes left for this account, or container, goes on from here.
    private static func recover(
        _ tree: OutputFileSystem,
        _ uploads: UploadScheduler,
        _ router: StoreRouter,
        _ configuration: MountConfiguration,
        _ logger: Logger
    ) {
        let owner = configuration.source.journalOwner
        do throws(LocalStoreError) {
            let found = try uploads.journal.survivors { $0.utf8.elementsEqual(owner.utf8) }
            for problem in found.problems { logger.error("the journal: \(problem)") }
            var (files, unreadable): ([RecoveredFile], [RecoveredFile.Unreadable]) = ([], [])
            var names: [RecoveredName] = []
            for entry in found.entries {
                if let name = RecoveredName(entry, scheduler: uploads) {
                    if name.containers.allSatisfy(router.reaches) { names.append(name) } else { tree.keep(name) }
                    continue
                }
                do throws(RecoveredFile.Unreadable) {
                    let file = try RecoveredFile(entry)
                    if router.reaches(file.replay.identity.blob.container) {
                        files.append(file)
                    } else {
                        tree.keep(file, "its [datastores.NAME] is not in the configuration any more")
                    }
                } catch { unreadable.append(error) }
            }
            let left = tree.resume(files, names: names)
            tree.recover(left.files, names: left.names, unreadable: unreadable)
        } catch {
            logger.error("what earlier mounts left in the journal cannot be looked at: \(error)")
            _ = tree.resume([])
        }
    }

    /// For `recover`: a store and the way to it, without a mount.
    static func uploads(
        to source: StorageSource,
        journalDirectory: String,
        _ logger: Logger
    ) throws(CommandFailure) -> UploadScheduler {
        let door = try OpenDoor.open(source, logger: logger)
        let store = try routed(source, door, logger)
        var uploads = UploadConfiguration(journalDirectory: journalDirectory)
        uploads.journalOwner = source.journalOwner
        do throws(LocalStoreError) {
            return try UploadScheduler(store: store, configuration: uploads, logger: logger)
        } catch { throw CommandFailure(.cannotCreate, "--journal-dir: \(error)") }
    }

    /// Deletes without a mount. Every view is there: a path names the same as it would below a mount of both.
    static func removal(from source: StorageSource, atOnce: Int) throws(CommandFailure) -> MassRemoval {
        let logger = Logger(label: "rm") { _ in SwiftLogNoOpLogHandler() }
        let door = try OpenDoor.open(source, logger: logger)
        let plain = try blobStore(source, door, source.network.storeConfiguration(), logger)
        // Directories of a hierarchical namespace go behind what is in them.
        let namespace = try namespace(of: source, plain, logger)
        let configuration = source.network.storeConfiguration(namespace: namespace)
        let store = namespace == .flat ? plain : try blobStore(source, door, configuration, logger)
        let datastores = try OpenDatastore.open(source, beside: store, door, nil, logger)
        return MassRemoval(
            store: StoreRouter(store, routes: datastores.map(\.route)),
            views: ShownViews(OutputView.allCases, luisyContainer: source.luisyContainer),
            onlyContainer: source.container,
            datastores: source.datastores.map(\.configured)
        )
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
            accounts: settings.accounts.map {
                EmulatorAccount(name: $0.name, key: $0.key, isHierarchical: settings.isHierarchical)
            },
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
