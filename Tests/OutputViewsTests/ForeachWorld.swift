import BlobStorage
import OutputConventions
import OutputTransfer
import OutputViews
import Synchronization
import TestSupport

/// Containers as doAzureParallel leaves them, in memory, and how they are shown.
final class ForeachWorld: Sendable {
    let store: MemoryStore
    /// Seconds since the epoch; containers are made at 1,700,000,000.
    let now = Mutex<Int64>(1_700_000_000)

    init(habits: ListingHabits = ListingHabits(), namespace: Namespace = .flat) {
        store = MemoryStore(namespace: namespace, habits: habits)
    }

    func gatherer(onlyContainer: String? = nil) -> Gatherer {
        var gatherer = Gatherer(store: store, source: GatheredSource(onlyContainer: onlyContainer))
        gatherer.now = { [self] in now.withLock { $0 } }
        return gatherer
    }

    var tree: StoreTree { StoreTree(store: store) }

    func add(_ blobs: [String], to container: String) {
        for blob in blobs { store.add(BlobAddress(container: container, name: blob), [1]) }
    }

    /// What is there when the client has submitted a job, by any release from 0.6.2 on.
    func submit(_ job: String) { add(Self.submitted(job) + ["\(job)-metadata.rds"], to: job) }

    /// In the order in which they come, but for the metadata, which is last.
    static func submitted(_ job: String) -> [String] {
        ["worker.R", "merger.R", "install_github.R", "install_cran.R", "install_bioconductor.R", "\(job).rds"]
    }

    /// All files below a path, each with the blob that it is; directories are listed one by one, as `ls` does.
    func files(below path: [String]) async throws -> [(path: String, blob: BlobAddress)] {
        guard case .directory(let place) = try await tree.find(path) else { return [] }
        var found: [(path: String, blob: BlobAddress)] = []
        for entry in try await tree.entries(of: place) {
            if let file = entry.file {
                found.append((entry.name, file.address))
            } else {
                found += try await files(below: path + [entry.name]).map { ("\(entry.name)/\($0.path)", $0.blob) }
            }
        }
        return found
    }
}

extension Gatherer {
    /// The names in a directory of the view, sorted.
    func names(_ directory: ForeachDirectory, of container: String) async throws -> [String] {
        guard let place = directory.place(in: container).gathered else { return [] }
        return try await entries(of: place).map(\.name).sorted()
    }

    func jobs() async throws -> [String] { try await entries(of: GatheredPlace(.foreach)).map(\.name).sorted() }

    func find(_ name: String, _ directory: ForeachDirectory, of container: String) async throws -> GatheredEntry.Target?
    {
        guard let place = directory.place(in: container).gathered else { return nil }
        return try await find(name, in: place)
    }
}

extension GatheredEntry.Target {
    /// The blob of a file.
    var blob: String? {
        guard case .file(.file(_, _, let name), _) = self else { return nil }
        return name
    }
}
