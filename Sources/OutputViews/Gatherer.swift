package import BlobStorage
import Glibc
package import OutputConventions

/// Puts together what gathered directories show, by asking the store.
///
/// Each view has a file of its own, which says in which order what is asked. What may change is remembered no longer than
/// `GatherMemory` and `ForeachJobMemory` say; whoever asks for a directory knows how long the answer is good for.
package struct Gatherer: Sendable {
    let store: any BlobStore
    let source: GatheredSource
    package let names: DatastoreNames
    let memory: GatherMemory
    /// The time, in seconds since the epoch.
    package var now: @Sendable () -> Int64 = { Int64(time(nil)) }
    let foreachJobs = ForeachJobMemory()

    /// `uptime`: a clock that never goes back.
    package init(
        store: any BlobStore,
        source: GatheredSource = GatheredSource(),
        uptime: @escaping @Sendable () -> Duration = Gatherer.uptime
    ) {
        (self.store, self.source) = (store, source)
        names = DatastoreNames(source.datastores)
        memory = GatherMemory(uptime: uptime)
    }

    /// The time since the process's own beginning of time.
    package static let uptime: @Sendable () -> Duration = {
        let start = ContinuousClock.now
        return { ContinuousClock.now - start }
    }()

    /// All names of the directory, in no order.
    package func entries(of place: GatheredPlace) async throws(StorageError) -> [GatheredEntry] {
        switch place.view {
        case .datastores: try await datastores()
        case .runs: try await runEntries(of: place)
        case .uploads: try await uploads()
        case .foreach: try await foreachEntries(of: place)
        case .jobs, .projects, .containers: []
        }
    }

    /// What a name of the directory can only be if it is a directory, whether or not it is there.
    package func directories(named name: String, in place: GatheredPlace) -> [TreePlace] {
        switch place.view {
        case .runs: directoriesInRuns(named: name, in: place)
        case .foreach: place.directory(named: name).map { [$0] } ?? []
        case .datastores, .uploads, .jobs, .projects, .containers: []
        }
    }

    /// What a name of the directory leads to; `nil` when it is not there. It costs no listing of the whole where the
    /// name itself tells where to look.
    package func find(_ name: String, in place: GatheredPlace) async throws(StorageError) -> GatheredEntry.Target? {
        switch place.view {
        case .datastores: try await findDatastore(name)
        case .runs: try await findInRuns(name, in: place)
        case .uploads: try await findUpload(name)
        case .foreach: try await foreachFind(name, in: place)
        case .jobs, .projects, .containers: nil
        }
    }
}
