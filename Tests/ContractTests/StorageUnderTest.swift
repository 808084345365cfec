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
    /// The client over HTTP, to whatever `OUTPUTFS_TEST_ENDPOINT` names: a connection string, or an endpoint whose
    /// account has the key `AZURE_STORAGE_KEY`.
    case endpoint

    static var available: [StorageUnderTest] {
        allCases.filter { $0 != .endpoint || endpointText != nil }
    }

    /// Those that have no directories, and so no name that stands in another's way.
    static var flat: [StorageUnderTest] { available.filter { !hierarchical.contains($0) } }
    static let hierarchical: [StorageUnderTest] = [.memoryWithDirectories, .emulatorWithDirectories]

    var testDescription: String { rawValue }

    func makeStore() async throws -> any BlobStore {
        switch self {
        case .memory: MemoryStore()
        case .memoryWithOddListings:
            MemoryStore(habits: ListingHabits(pageSizeMax: 3, insertsEmptyPages: true, repeatsPrefixes: true))
        case .memoryWithDirectories: MemoryStore(namespace: .hierarchical)
        case .emulator: try Self.emulated.get().store
        case .emulatorWithDirectories: try Self.emulatedWithDirectories.get().store
        case .endpoint: try Self.remote.get()
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
