internal import AzureBlob
internal import BlobReading
internal import OutputConventions
internal import OutputTree

/// Everything that one mount does, with no question left open.
struct MountConfiguration: Sendable {
    var source: StorageSource
    /// Canonical.
    var mountPoint: String
    var views: [OutputView]
    var userID: UInt32
    var groupID: UInt32
    var filePermissions: UInt16
    var directoryPermissions: UInt16
    var usesPosixMetadata: Bool
    var attributeValidity: Duration
    /// Outputs of these kinds grow in append blobs.
    var trackedKinds: TrackedKinds
    var logInterval: Duration
    var isReadOnly: Bool
    var allowsOthers: Bool
    /// In bytes.
    var memory: Int
    /// `nil`: blocks are kept in memory only.
    var diskCache: DiskCacheSettings?
    /// Absolute; made when missing.
    var journalDirectory: String
    var durability: Durability
    var exclusiveCreation: ExclusiveCreation
    var conflictPolicy: ConflictPolicy
    var verifiesReads: Bool
    var retryDeadline: Duration
    var commitDeadline: Duration
    var drainTimeout: Duration
    /// Root mounts on a Batch node: tasks use it, as other users, and ask by a socket in this directory.
    var sharedControlDirectory: String?
    /// Made before the mount if it is not there, with this job's id where it is known.
    var newContainer: NewContainer?
    /// Whose service knows of the jobs.
    var batchAccount: BatchAccount?
    /// Of mount(8), for the kernel: `SessionOptions.knownMountFlags`.
    var mountFlags: [String] = []

    /// The defaults, as docs/CONFIGURATION.md gives them.
    enum Default {
        static let memory = MemoryBudget.current
        /// Less than this cannot hold a block in each direction.
        static let memoryMin = MemoryBudget.least
        static let attributeValidity = Duration.seconds(1)
        static let logInterval = Duration.seconds(15)
        static let retryDeadline = Duration.seconds(60)
        static let commitDeadline = Duration.seconds(600)
        static let drainTimeout = Duration.seconds(60)
    }

    /// From what was said to what is done: pure, but for what the arguments bring along.
    init(
        source: StorageSource,
        mountPoint: String,
        tree: TreeFlags,
        transfer: TransferFlags,
        user: (id: UInt32, group: UInt32),
        environment: [String: String],
        workingDirectory: String,
        makesContainer: Bool = false
    ) throws(CommandFailure) {
        self.source = source
        newContainer = makesContainer ? try NewContainer(source: source, environment: environment) : nil
        self.mountPoint = mountPoint
        views = tree.views ?? OutputView.allCases
        userID = tree.uid ?? user.id
        groupID = tree.gid ?? user.group
        // A start task mounts for tasks, which run as other users: what they could not write would be of no use to them.
        let node = user.id == 0 ? BatchNode(environment: environment) : nil
        sharedControlDirectory = node?.controlDirectory
        let umask = tree.umask ?? Self.standardUmask(userID: user.id, environment: environment)
        filePermissions = tree.fileMode ?? 0o666 & ~umask
        directoryPermissions = tree.dirMode ?? 0o777 & ~umask
        usesPosixMetadata = tree.posixMetadata ?? true
        attributeValidity = tree.attrTTL ?? Default.attributeValidity
        trackedKinds = tree.trackedKinds ?? .standard
        logInterval = tree.logInterval ?? Default.logInterval
        guard logInterval >= .milliseconds(100) else {
            throw CommandFailure(.usage, "--log-interval is less than the store's answers take", try: "at least 100ms")
        }
        isReadOnly = tree.readOnly
        allowsOthers = tree.allowOther || node != nil
        memory = transfer.memory ?? Default.memory
        guard memory >= Default.memoryMin else {
            throw CommandFailure(
                .usage,
                "--memory \(HumanUnits.bytes(UInt64(memory))) is too little for blocks on their way",
                try: "at least \(HumanUnits.bytes(UInt64(Default.memoryMin)))"
            )
        }
        diskCache = try DiskCacheSettings(
            directory: transfer.cacheDir,
            size: transfer.cacheSize,
            workingDirectory: workingDirectory
        )
        verifiesReads = transfer.verify ?? true
        retryDeadline = transfer.retryDeadline ?? Default.retryDeadline
        commitDeadline = transfer.commitDeadline ?? Default.commitDeadline
        drainTimeout = transfer.drainTimeout ?? Default.drainTimeout
        durability = transfer.durability ?? .commit
        exclusiveCreation = transfer.exclusive ?? .close
        conflictPolicy = transfer.onConflict ?? .replace
        journalDirectory = Self.journalDirectory(
            given: transfer.journalDir,
            userID: user.id,
            environment: environment,
            workingDirectory: workingDirectory
        )
    }

    /// Whether others than the mounting user are to use the mount: root mounts for tasks on a Batch node.
    static func servesTasks(userID: UInt32, environment: [String: String]) -> Bool {
        userID == 0 && BatchNode(environment: environment) != nil
    }

    static func standardUmask(userID: UInt32, environment: [String: String]) -> UInt16 {
        servesTasks(userID: userID, environment: environment) ? 0 : 0o022
    }

    /// Absolute.
    static func journalDirectory(
        given: String?,
        userID: UInt32,
        environment: [String: String],
        workingDirectory: String
    ) -> String {
        let directory = given ?? defaultJournalDirectory(userID: userID, environment: environment)
        return directory.hasPrefix("/") ? directory : Path.join(workingDirectory, directory)
    }

    private static func defaultJournalDirectory(userID: UInt32, environment: [String: String]) -> String {
        if userID == 0 { return "/var/spool/outputfs" }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
            return Path.join(state, "outputfs/journal")
        }
        if let home = environment["HOME"], home.hasPrefix("/") {
            return Path.join(home, ".local/state/outputfs/journal")
        }
        return "/tmp/outputfs-\(userID)-journal"
    }
}
