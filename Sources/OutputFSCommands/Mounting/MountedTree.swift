internal import AzureBlob
internal import BlobReading
internal import BlobWriting
internal import FuseBinding
internal import HandOver
internal import LocalStore
internal import OutputTree

/// One mount's parts, in the order in which they end: session, tree, store.
struct MountedTree: Sendable {
    /// As in /proc/mounts; without secrets.
    let source: String
    let store: AzureBlobStore
    let credential: Credential
    /// Of other accounts.
    let datastores: [OpenDatastore]
    let cache: BlockCache
    let cleanFiles: CleanFiles?
    let uploads: UploadScheduler
    let tree: OutputFileSystem
    let session: FuseSession
    let inheritance: Inheritance

    /// Mounts, and gives the keeper what it has to hold; or goes on with the mount that there is.
    func mount() throws(CommandFailure) {
        do throws(SessionError) {
            if let device = inheritance.device { return try session.takeOver(device: device) }
            try session.mount()
            inheritance.link.send(.device, descriptor: session.device)
        } catch { throw CommandFailure(error) }
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

    /// Sends what waits, and says what could not be sent in time. `isEnding`: nobody can use the mount any more.
    func drain(timeout: Duration, isEnding: Bool = false) -> [PendingFile] {
        let tree = tree
        return PlainThread.wait { await tree.drain(timeout: timeout, isEnding: isEnding) }.remaining.map { file in
            PendingFile(path: file.path, reason: file.lastError ?? (file.isOpen ? "still open" : "not sent yet"))
        }
    }

    /// One step of a mass delete.
    func remove(_ step: RemovalStep) -> Result<RemovalAnswer, RemovalRefusal> {
        let tree = tree
        return PlainThread.wait {
            do throws(RemovalRefusal) { return .success(try await tree.remove(step)) } catch { return .failure(error) }
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
            fromDisk: statistics.bytesFromDisk,
            fromStore: statistics.bytesFromStore,
            readAhead: statistics.readAheadBytes,
            readAheadWaste: statistics.readAheadWaste
        )
    }

    var diskCacheStatus: DiskCacheStatus? {
        guard let cleanFiles else { return nil }
        let (statistics, reading) = (cleanFiles.statistics, cache.statistics)
        return DiskCacheStatus(
            directory: cleanFiles.configuration.directory,
            capacity: cleanFiles.configuration.capacity,
            used: statistics.usedBytes,
            files: statistics.files,
            saved: statistics.bytesSaved,
            waiting: reading.bytesToSave,
            notSaved: reading.bytesNotSaved,
            evicted: statistics.bytesEvicted,
            damaged: statistics.damagedCells
        )
    }

    var passthroughOpens: UInt64 { session.passthroughOpens }

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

    /// Of all accounts together.
    var counters: RequestCounters {
        datastores.reduce(into: store.counters) { $0.add($1.store.counters) }
    }

    var storeStatus: StoreStatus { StoreStatus(counters) }

    var datastoresStatus: [DatastoreStatus] {
        datastores.map { datastore in
            DatastoreStatus(
                names: datastore.names,
                container: "\(datastore.container)",
                store: StoreStatus(datastore.store.counters),
                credentialRemaining: datastore.credential.remaining.map { Double($0.components.seconds) }
            )
        }
    }

    /// The tree must not be asked any more. The store ends with its last user.
    func shutDown() {
        tree.shutDown()
        uploads.journal.close()
    }
}

extension StoreStatus {
    init(_ counters: RequestCounters) {
        requests = [:]
        for (operation, count) in counters.requests { requests[operation.rawValue] = count }
        (retries, failures) = (counters.retries, counters.failures)
        (bytesReceived, bytesSent) = (counters.bytesReceived, counters.bytesSent)
    }
}
