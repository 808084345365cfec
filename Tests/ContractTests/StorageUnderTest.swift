import AzureBlob
import BlobEmulator
import BlobStorage
import Foundation
import Logging
import TestSupport
import Testing

/// The implementations of `BlobStore` that the contract is held against.
enum StorageUnderTest: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory
    /// The same, with the least convenient listings that the service may give.
    case memoryWithOddListings
    /// With directories.
    case memoryWithDirectories
    /// The client over HTTP, to the embedded server.
    case emulator
    /// To an account of its that has a hierarchical namespace.
    case emulatorWithDirectories
    /// Containers of other accounts, behind a router: the first two in memory, the third over HTTP.
    case routed
    case routedWithDirectories
    case routedEmulator
    /// The client over HTTP, to whatever `OUTPUTFS_TEST_ENDPOINT` names: a connection string, or an endpoint whose
    /// account has the key `AZURE_STORAGE_KEY`.
    case endpoint

    static var available: [StorageUnderTest] {
        allCases.filter { $0 != .endpoint || endpointText != nil }
    }

    /// Those that have no directories, and so no name that stands in another's way.
    static var flat: [StorageUnderTest] { available.filter { !hierarchical.contains($0) } }
    static let hierarchical: [StorageUnderTest] = [
        .memoryWithDirectories, .emulatorWithDirectories, .routedWithDirectories,
    ]
    /// Those whose containers are all in one account.
    static var ofOneAccount: [StorageUnderTest] { available.filter { $0.foreignContainer("") == nil } }

    var testDescription: String { rawValue }

    func makeStore() async throws -> any BlobStore {
        switch self {
        case .memory: MemoryStore()
        case .memoryWithOddListings:
            MemoryStore(habits: ListingHabits(pageSizeMax: 3, insertsEmptyPages: true, repeatsPrefixes: true))
        case .memoryWithDirectories: MemoryStore(namespace: .hierarchical)
        case .emulator: try Self.emulated.get().store
        case .emulatorWithDirectories: try Self.emulatedWithDirectories.get().store
        case .routed, .routedWithDirectories, .routedEmulator: StoreRouter(MemoryStore())
        case .endpoint: try Self.remote.get()
        }
    }

    /// A store, and the name under which it has a container that is not there yet.
    func makeStore(for container: String) async throws -> (store: any BlobStore, container: String) {
        guard let foreign = foreignContainer(container) else { return (try await makeStore(), container) }
        let store: any BlobStore =
            switch self {
            case .routedWithDirectories: MemoryStore(namespace: .hierarchical)
            case .routedEmulator: try Self.emulated.get().store
            default: MemoryStore()
            }
        let namespace: Namespace = self == .routedWithDirectories ? .hierarchical : .flat
        let route = StoreRoute(to: foreign, store, namespace: nil) { () async throws(StorageError) in namespace }
        return (StoreRouter(MemoryStore(), routes: [route]), "\(foreign)")
    }

    private func foreignContainer(_ name: String) -> ForeignContainer? {
        switch self {
        case .routed, .routedWithDirectories, .routedEmulator:
            ForeignContainer(endpoint: "https://elsewhere.example", name: name)
        default: nil
        }
    }

    // MARK: Over HTTP: one server and one client for all tests

    private static let emulated = Result { try emulated(.flat) }
    private static let emulatedWithDirectories = Result { try emulated(.hierarchical) }

    private static func emulated(_ namespace: Namespace) throws -> (emulator: Emulator, store: AzureBlobStore) {
        let (name, key) = (EmulatorAccount.development.name, EmulatorAccount.development.key)
        let isHierarchical = namespace == .hierarchical
        let emulator = try Emulator(
            EmulatorConfiguration(accounts: [EmulatorAccount(name: name, key: key, isHierarchical: isHierarchical)])
        )
        emulator.start()
        let account = StorageAccount(name: name, endpoint: try BlobEndpoint(emulator.endpoint))
        return (emulator, try client(account, .sharedKey(Secret(key)), namespace))
    }

    private static let remote: Result<AzureBlobStore, any Error> = Result {
        var text = try #require(endpointText)
        if text.hasPrefix("http://") || text.hasPrefix("https://") {
            let key = try #require(ProcessInfo.processInfo.environment["AZURE_STORAGE_KEY"])
            text = "BlobEndpoint=\(text);AccountKey=\(key)"
        }
        let connection = try ConnectionString(text)
        return try client(connection.account, connection.credential)
    }

    private static var endpointText: String? { ProcessInfo.processInfo.environment["OUTPUTFS_TEST_ENDPOINT"] }

    private static func client(
        _ account: StorageAccount,
        _ credential: Credential,
        _ namespace: Namespace = .flat
    ) throws -> AzureBlobStore {
        // Some tests ask for what is refused again and again: not for ten minutes.
        let configuration = AzureBlobStoreConfiguration(
            retryDeadline: .seconds(5),
            commitDeadline: .seconds(5),
            namespace: namespace
        )
        return try AzureBlobStore(
            account: account,
            credential: credential,
            configuration: configuration,
            logger: Logger(label: "contract")
        )
    }
}
