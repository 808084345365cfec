package import BlobReading
package import BlobStorage
package import BlobWriting
package import FileSystemModel
import Glibc
package import HandOver
package import Logging
import OutputConventions
import OutputViews
import Synchronization

/// The tree of job and task outputs: answers the kernel from what the store holds and from what was written here.
///
/// Operations that memory can answer are answered on the calling thread; the others go on in a task. Each operation
/// stands in the file of its family: `OutputFileSystem+Lookup`, `+Directories`, `+Files`, `+Reading`, `+Writing`,
/// `+Names`, `+Rename`, `+Attributes`, `+ExtendedAttributes`, `+Passthrough`.
package final class OutputFileSystem: FileSystem {
    package let notifications = KernelNotifications()
    package let options: TreeOptions

    let store: any BlobStore
    let gatherer: Gatherer
    let cache: BlockCache
    let uploads: UploadScheduler
    let clock: TreeClock
    let logger: Logger
    let nodes: NodeTable
    let handles: HandleTable
    let recentLookups: RecentLookups?
    /// What the process that follows this one needs; `nil` where none will.
    let survivors: Survivors?
    let changes: LocalChanges
    let emptied: EmptiedDirectories
    let unsent = UnsentFiles()
    let passingMarkers = PassingMarkers()
    let held = HeldBlobs()
    let moves = UnfinishedMoves()
    let kept = KeptFiles()
    let rights = AccessRights()
    let listings: ListingMemory
    let disorder = DisorderedContainers()
    let errors = ErrorLog(capacity: 64)
    /// The time of directories that have none stored.
    let startTime: Timestamp
    let background: BackgroundCommits
    let logs: LogSchedule
    /// Whether the kernel can read local files by itself.
    let mayPassThrough = Atomic(false)

    package init(
        store: any BlobStore,
        cache: BlockCache,
        uploads: UploadScheduler,
        options: TreeOptions,
        logger: Logger,
        clock: TreeClock = .system,
        survivors: Survivors? = nil
    ) {
        self.survivors = survivors
        handles = HandleTable(survivors: survivors)
        recentLookups = survivors.map { RecentLookups($0) }
        self.store = store
        var gatherer = Gatherer(store: store, source: options.gatheredSource, uptime: clock.monotonic)
        gatherer.now = { clock.wall().seconds }
        self.gatherer = gatherer
        self.cache = cache
        self.uploads = uploads
        self.options = options
        self.clock = clock
        self.logger = logger
        startTime = clock.wall()
        nodes = NodeTable(unsent: unsent, clock: clock, validity: options.attributeValidity, survivors: survivors)
        listings = ListingMemory(validity: options.attributeValidity)
        // A listing of a million names takes about a minute over a slow line; changes must outlive it.
        changes = LocalChanges(keep: max(.seconds(120), options.attributeValidity * 4)) { [gatherer] blob in
            gatherer.forgetUploads(of: blob)
        }
        emptied = EmptiedDirectories(keep: max(.seconds(1), options.attributeValidity))
        background = BackgroundCommits(clock: clock, logger: logger)
        logs = LogSchedule(interval: options.logInterval, clock: clock)
    }

    // MARK: What every operation needs

    func fileNode(_ id: NodeID) throws(FileSystemError) -> FileNode {
        guard let node = nodes.file(id) else { throw Self.stale(id) }
        return node
    }

    func directoryNode(_ id: NodeID) throws(FileSystemError) -> DirectoryNode {
        switch nodes[id] {
        case .directory(let node): return node
        case .file, .selfLink: throw FileSystemError(errno: ENOTDIR, "not a directory")
        case nil: throw Self.stale(id)
        }
    }

    func fileHandle(_ id: HandleID) throws(FileSystemError) -> FileHandle {
        guard let handle = handles.file(id) else { throw FileSystemError(errno: EBADF, "no open file \(id.rawValue)") }
        if handle.isLost {
            throw FileSystemError(errno: ESTALE, "\(handle.node.address): what was written to it is not known any more")
        }
        return handle
    }

    func requireWritable() throws(FileSystemError) {
        guard options.isReadOnly else { return }
        throw FileSystemError(errno: EROFS, "the mount is read-only")
    }

    private static func stale(_ id: NodeID) -> FileSystemError {
        FileSystemError(errno: ESTALE, "the kernel asks for node \(id.rawValue), which it has forgotten")
    }

    /// A failure of storage for this operation: logged with all it knows, remembered for `status`, turned into errno.
    func failure(_ error: StorageError, _ operation: String, _ path: String, pinned: Bool = false) -> FileSystemError {
        let answer = FileSystemError(error, pinned: pinned)
        report(answer, operation, path, expected: error.kind == .notFound || error.kind == .cancelled)
        return answer
    }

    func report(_ error: FileSystemError, _ operation: String, _ path: String, expected: Bool = false) {
        guard !expected else {
            logger.debug("\(operation) \(path): \(error)")
            return
        }
        logger.warning("\(operation) \(path): \(error)")
        errors.record(operation: operation, path: path, error: error, at: clock.wall())
    }

    // MARK: Entries

    func inode(of place: TreePlace) -> UInt64 { StableInode.number(of: place) }
    func inode(of address: BlobAddress) -> UInt64 { StableInode.number(of: address) }

    func attributes(of node: DirectoryNode) -> Attributes {
        attributes(of: KnownDirectory(id: node.id, inode: node.inode, facts: node.withState { $0.facts }))
    }

    func attributes(of directory: KnownDirectory) -> Attributes {
        let facts = directory.facts
        let posix = options.usesPosixMetadata ? facts?.posix : nil
        let time = facts?.modificationTime ?? facts.map { Timestamp(seconds: $0.lastModified) } ?? startTime
        return Attributes(
            inode: directory.inode,
            kind: .directory,
            permissions: posix?.permissions ?? options.directoryPermissions,
            userID: posix?.userID ?? options.userID,
            groupID: posix?.groupID ?? options.groupID,
            size: 4096,
            accessTime: time,
            modificationTime: time,
            changeTime: time
        )
    }

    func attributes(of node: FileNode) -> Attributes {
        let now = clock.wall()
        return node.withState { $0.attributes(inode: node.inode, options: options, now: now) }
    }

    /// An entry for a directory whose lookup was counted.
    func entry(_ directory: KnownDirectory) -> Entry {
        Entry(
            node: directory.id,
            attributes: attributes(of: directory),
            attributeValidity: options.attributeValidity,
            entryValidity: options.attributeValidity
        )
    }

    /// An entry for the file of a blob whose lookup was counted.
    func entry(_ file: KnownFile, of address: BlobAddress) -> Entry {
        switch file {
        case .node(let node): return entry(node)
        case .dormant(let id, let inode, let facts, let learnedAt, _):
            return Entry(
                node: id,
                attributes: facts.attributes(inode: inode, options: options),
                attributeValidity: validity(of: address, since: learnedAt),
                entryValidity: validity(since: learnedAt)
            )
        }
    }

    func entry(_ node: FileNode) -> Entry {
        Entry(
            node: node.id,
            attributes: attributes(of: node),
            attributeValidity: validity(of: node),
            // A name that goes here is asked for again soon, whatever is settled about its file.
            entryValidity: min(validity(of: node), options.attributeValidity)
        )
    }

    /// How long the kernel may go on with what is known of the file. What this mount has in hand is known for sure.
    func validity(of node: FileNode) -> Duration {
        let (isOurs, learnedAt, address) = node.withState {
            ($0.local != nil || $0.hasUnsentChanges, $0.learnedAt, $0.address)
        }
        return isOurs ? options.attributeValidity : validity(of: address, since: learnedAt)
    }

    /// As below; longer for what cannot change.
    private func validity(of address: BlobAddress, since learnedAt: Duration) -> Duration {
        max(validity(since: learnedAt), settledValidity(of: address, learnedAt: learnedAt))
    }

    /// The rest of the validity, counted from when the store was asked, so that nothing is shown for longer.
    func validity(since learnedAt: Duration) -> Duration {
        max(.zero, learnedAt + options.attributeValidity - clock.monotonic())
    }

    func selfEntry() -> Entry {
        Entry(
            node: nodes.selfLink,
            attributes: selfAttributes(),
            attributeValidity: .seconds(3600),
            entryValidity: .seconds(3600)
        )
    }

    func selfAttributes() -> Attributes {
        Attributes(
            inode: inode(of: .selfLink),
            kind: .symbolicLink,
            permissions: 0o777,
            userID: options.userID,
            groupID: options.groupID,
            size: 0,
            accessTime: startTime,
            modificationTime: startTime,
            changeTime: startTime
        )
    }
}

extension TreePlace {
    /// The blob that a file's place names.
    var blob: BlobAddress? {
        guard case .file(_, let container, let name) = self else { return nil }
        return BlobAddress(container: container, name: name)
    }

    /// What all blobs in this directory have in common: container and the beginning of their names.
    var contents: BlobAddress? {
        switch self {
        case .root, .selfLink, .view, .gathered, .file: nil
        case .container(_, let container), .tasks(let container): BlobAddress(container: container, name: "")
        case .task(let container, let task): BlobAddress(container: container, name: task + "/")
        case .folder(_, let container, let prefix): BlobAddress(container: container, name: prefix)
        }
    }

    /// The blob that keeps this directory alive while it is empty.
    var markerBlob: BlobAddress? { marker.map { BlobAddress(container: $0.container, name: $0.name) } }
}
