import BlobStorage
import OutputConventions
import OutputViews
import Synchronization
import TestSupport
import Testing

/// A workspace's storage in memory, and a gatherer over it.
struct Workspace: Sendable {
    static let blobstore = "azureml-blobstore-0f3c"

    let store: MemoryStore
    let clock = HandClock()
    let gatherer: Gatherer

    init(
        _ source: GatheredSource = GatheredSource(),
        containers: [String] = ["azureml", blobstore],
        namespace: Namespace = .flat,
        habits: ListingHabits = ListingHabits()
    ) {
        store = MemoryStore(containers: containers, namespace: namespace, habits: habits)
        gatherer = Gatherer(store: store, source: source, uptime: clock.now)
    }

    /// - Parameter path: container, slash, blob.
    @discardableResult
    func put(_ path: String, _ bytes: [UInt8] = [1], metadata: BlobMetadata = [:]) -> BlobAddress {
        let address = BlobAddress(path)
        store.add(address, bytes, metadata: metadata)
        return address
    }

    func putFolder(_ path: String) { put(path, [], metadata: ["hdi_isfolder": "true"]) }

    /// What a client leaves that uploaded one file and confirmed it.
    func putUpload(_ id: String, _ name: String?, _ version: String? = "1", in container: String = blobstore) {
        var metadata: BlobMetadata = ["upload_status": "completed"]
        metadata["name"] = name
        metadata["version"] = version
        put("\(container)/LocalUpload/\(id)/data.csv", metadata: metadata)
        store.advanceTime(bySeconds: 1)
    }

    func names(_ view: OutputView, _ path: String = "") async throws -> [String] {
        try await gatherer.entries(of: GatheredPlace(view, path: path)).map(\.name).sorted()
    }

    func entry(_ view: OutputView, _ path: String = "", _ name: String) async throws -> GatheredEntry? {
        try await gatherer.entries(of: GatheredPlace(view, path: path)).first { $0.name == name }
    }

    /// The place that a lookup leads to.
    func place(_ view: OutputView, _ path: String = "", _ name: String) async throws -> TreePlace? {
        try await gatherer.find(name, in: GatheredPlace(view, path: path))?.place
    }

    /// How many requests `body` makes.
    func requests(_ body: () async throws -> Void) async throws -> Int {
        let before = store.counts.values.reduce(0, +)
        try await body()
        return store.counts.values.reduce(0, +) - before
    }
}

/// Time that passes when it is told to.
final class HandClock: Sendable {
    private let time = Mutex(Duration.seconds(1000))

    var now: @Sendable () -> Duration { { [self] in time.withLock { $0 } } }
    func advance(by duration: Duration) { time.withLock { $0 += duration } }
}

extension BlobAddress {
    /// - Parameter path: container, slash, blob.
    init(_ path: String) {
        let container = path.utf8.prefix { $0 != UInt8(ascii: "/") }
        self.init(
            container: String(Substring(container)),
            name: String(Substring(path.utf8.dropFirst(container.count + 1)))
        )
    }
}

extension GatheredEntry.Target {
    var place: TreePlace {
        switch self {
        case .directory(let place), .file(let place, _): place
        }
    }
}

func folder(_ view: OutputView, _ path: String) -> TreePlace {
    let address = BlobAddress(path)
    return .folder(view, container: address.container, prefix: address.name)
}

func run(_ path: String) -> TreePlace { .gathered(GatheredPlace(.runs, path: path)) }
