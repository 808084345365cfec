internal import ArgumentParser
internal import Glibc
internal import Logging

struct MountCommand: ParsableCommand, TakingPlaces {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Show the outputs of an account, or of one job, below a directory.",
        usage: "outputfs mount [<source>] <mountpoint> [-o <options>] [<options>]",
        discussion: """
            SOURCE is the account's name or its Blob endpoint; it may be left out where the environment names one. \
            On a Batch node a MOUNTPOINT without / or . in front, and none at all (outputfs), is below \
            AZ_BATCH_NODE_MOUNTS_DIR. Returns when the mount answers. The process behind it ends with outputfs \
            unmount, or with SIGTERM.

            EXAMPLES
              outputfs mount myaccount /mnt/outputs     (managed identity, service principal, az login)
              outputfs mount myaccount /mnt/outputs --key-file ~/.azure/myaccount.key
              AZURE_STORAGE_CONNECTION_STRING=… outputfs mount /mnt/outputs
              JOB_CONTAINER_URL=… outputfs mount --read-only /mnt/job
              outputfs mount myaccount /mnt/outputs -o ro,allow_other,uid=1000,attr_ttl=10s

            Every long option with a value is also an -o option, with underscores: -o journal_dir=/mnt/disk/journal
            """
    )

    @Argument(
        help: .init("The account or endpoint (see above), and the directory.", valueName: "places"),
        completion: .directory
    )
    var places: [String] = []

    @Option(
        name: .customShort("o"),
        help: .init("Options as mount(8) passes them; may be given more than once.", valueName: "options")
    )
    var mountOptions: [String] = []

    @Flag(help: "Stay in the foreground and log to stderr; SIGINT and SIGTERM unmount.")
    var foreground = false

    @OptionGroup var file: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    @OptionGroup(title: "The tree")
    var tree: TreeFlags

    @OptionGroup(title: "Transfers")
    var transfer: TransferFlags

    @OptionGroup(title: "Azure Batch")
    var batch: BatchFlags

    @OptionGroup(title: "Process and log")
    var logging: LoggingOptions

    /// Where the parent waits for "mounted"; see `BackgroundMount`.
    @Option(help: .hidden)
    var readyDescriptor: Int32?

    @OptionGroup
    var keeper: KeeperOptions

    /// For the kernel, out of `-o`: see `MountOptionList`.
    @Option(help: .hidden)
    var mountFlag: [String] = []

    var sourceAndMountPoint: (source: String?, mountPoint: String?) { Self.taken(places) }

    func validate() throws {
        guard !places.isEmpty || BatchNode.current != nil else {
            throw ValidationError("Name a directory to mount on: outputfs mount MOUNTPOINT")
        }
        guard places.count <= 2 else {
            throw ValidationError("One source and one mount point; '\(places[2])' is too much.")
        }
    }

    func run() throws {
        // The keeper holds what the environment has of secrets, and the worker everything.
        System.keepOutOfCoreDumps()
        guard foreground else {
            // As they were given: the child finds the same in files and environment.
            try BackgroundMount.start(Program.arguments)
            return
        }
        guard keeper.keeperSocket != nil else { try keep() }
        try serve(try Inheritance(keeper))
    }

    /// What the process does that people see: it starts the one that serves, and stays.
    private func keep() throws -> Never {
        let node = BatchNode.current
        let place = try MountPoint.named(places.last, on: node)
        let mountPoint = System.canonicalPath(place) ?? place
        let keeper = Keeper(
            // Settled: a file that is changed while the mount serves says nothing to the workers that follow. Who asks
            // for the place of a mount that does not answer yet waits for himself.
            arguments: Self.arguments(try Program.settledArguments.arguments, places, mountPoint: mountPoint),
            mountPoint: mountPoint,
            ready: readyDescriptor,
            logFile: readyDescriptor == nil
                ? nil
                : logging.logFile ?? node?.shownFile(BatchNode.logName) ?? RuntimeDirectory.log(of: mountPoint)
        )
        let status = try keeper.run()
        fflush(nil)
        Glibc.exit(status)
    }

    /// The same with the mount point's canonical path.
    ///
    /// - Parameter places: what they were parsed to. A word of the same letters may stand there as an option's value.
    static func arguments(_ arguments: [String], _ places: [String], mountPoint: String) -> [String] {
        guard let named = places.last else { return arguments + [mountPoint] }
        for index in arguments.indices.reversed() where arguments[index] == named {
            var replaced = arguments
            replaced[index] = mountPoint
            let parsed = (try? RootCommand.parseAsRoot(replaced)) as? MountCommand
            if parsed?.places == places.dropLast() + [mountPoint] { return replaced }
        }
        return arguments
    }

    private func serve(_ inheritance: Inheritance) throws {
        TerminationSignals.block()
        let source = try storage.source(named: places.count == 2 ? places[0] : nil)
        let ready = readyDescriptor.map { ReadySignal(descriptor: $0) }
        let node = BatchNode.current
        let mountPoint = try mountPoint(inheritance)
        var configuration = try MountConfiguration(
            source: source,
            mountPoint: mountPoint,
            tree: tree,
            transfer: transfer,
            user: (System.userID, getegid()),
            environment: System.environment,
            workingDirectory: System.canonicalPath(".") ?? "/",
            makesContainer: batch.createContainer
        )
        configuration.mountFlags = mountFlag
        try MountPoint.checkOutside(configuration.journalDirectory, mountPoint: mountPoint, option: "--journal-dir")
        try MountPoint.makePrivateDirectory(configuration.journalDirectory, option: "--journal-dir")
        if let cache = configuration.diskCache {
            try MountPoint.checkCacheDirectory(cache.directory, mountPoint: mountPoint)
            try MountPoint.makePrivateDirectory(cache.directory, option: "--cache-dir")
        }
        // A mount in the background leaves the directory, and goes on writing it.
        let statusFile = batch.statusFile.map(System.absolutePath) ?? node?.shownFile(BatchNode.statusName)
        if let statusFile { try MountPoint.checkOutside(statusFile, mountPoint: mountPoint, option: "--status-file") }
        let log = try openLog(mountPoint: mountPoint, node: node, inBackground: ready != nil || keeper.background)
        if keeper.background, ready == nil { ReadySignal.leaveTerminal(logDescriptor: log.descriptor) }
        if let lastEnd = inheritance.lastEnd {
            log.logger.error("the process of \(mountPoint) \(lastEnd); restart \(inheritance.restarts)")
        }
        System.raiseDescriptorLimit()
        configuration.batchAccount = try batch.account.account(
            identity: storage.resolver().signInResolver,
            network: source.network.settings,
            logger: log.logger
        )

        let mounted = try Composition.mountedTree(configuration, inheritance, logger: log.logger)
        let service = MountService(
            configuration: configuration,
            mounted: mounted,
            inheritance: inheritance,
            log: log,
            statusFile: statusFile.map { StatusFile(path: $0) }
        )
        if batch.watchesEvents(on: node) { service.watchForEviction(metadataBase: BatchFlags.metadataBase) }
        let metrics = try metrics(of: service, isFirst: inheritance.restarts == 0, logger: log.logger)
        defer { metrics?.stop() }
        let (places, isFirst) = (places, inheritance.restarts == 0)
        try service.run {
            log.logger.notice("\(mounted.source) is mounted on \(mountPoint)")
            ServiceManager.notify(.ready(status: "\(mounted.source) is mounted on \(mountPoint)"))
            ServiceManager.watch(mountPoint)
            if let ready {
                ready.send(logDescriptor: log.descriptor)
            } else if isFirst {
                Terminal.error("outputfs: mounted on \(places.last ?? mountPoint); Ctrl-C unmounts")
            }
        }
        // A log that nobody asked for is kept only when something went wrong, or where Batch shows it.
        let isShown = log.path == node?.shownFile(BatchNode.logName)
        if let path = log.path, logging.logFile == nil, isFirst, !isShown { unlink(path) }
    }

    /// A mount that serves already does not end because somebody else has its port meanwhile.
    private func metrics(
        of service: MountService,
        isFirst: Bool,
        logger: Logger
    ) throws(CommandFailure) -> MetricsServer? {
        guard let address = logging.metrics else { return nil }
        do throws(CommandFailure) {
            return try MetricsServer(at: address, logger: logger) { service.metrics() }
        } catch {
            guard !isFirst else { throw error }
            logger.error("\(error.what); the mount goes on without")
            return nil
        }
    }

    /// Canonical. Where the mount is there already nothing may touch it: nobody would answer yet.
    private func mountPoint(_ inheritance: Inheritance) throws(CommandFailure) -> String {
        if inheritance.device != nil, let mountPoint = inheritance.mountPoint { return mountPoint }
        try MountPoint.checkMachine(allowsOthers: tree.allowOther)
        let place = try MountPoint.named(places.last, on: BatchNode.current)
        return try MountPoint.prepare(place, allowsContent: tree.nonempty)
    }

    /// In the background without --log-file the log lies where Batch shows it, elsewhere beside the control socket, and
    /// `status` says where.
    private func openLog(
        mountPoint: String,
        node: BatchNode?,
        inBackground: Bool
    ) throws(CommandFailure) -> OpenLog {
        var path = logging.logFile
        if path == nil, inBackground { path = node?.shownFile(BatchNode.logName) }
        if path == nil, inBackground {
            try RuntimeDirectory.make()
            path = RuntimeDirectory.log(of: mountPoint)
        }
        if let path { try MountPoint.checkOutside(path, mountPoint: mountPoint, option: "--log-file") }
        return try OpenLog(
            path: path,
            level: logging.logLevel ?? .notice,
            format: logging.logFormat ?? .text,
            label: "mount"
        )
    }
}
