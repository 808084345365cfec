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
    /// The client over HTTP, to the embedded server.
    case emulator
    /// The client over HTTP, to whatever `OUTPUTFS_TEST_ENDPOINT` names: a connection string, or an endpoint whose
    /// account has the key `AZURE_STORAGE_KEY`.
    case endpoint

    static var available: [StorageUnderTest] {
        allCases.filter { $0 != .endpoint || endpointText != nil }
    }

    var testDescription: String { rawValue }

    func makeStore() async throws -> any BlobStore {
        switch self {
        case .memory: MemoryStore()
        case .memoryWithOddListings:
            MemoryStore(habits: ListingHabits(pageSizeMax: 3, insertsEmptyPages: true, repeatsPrefixes: true))
        case .emulator: try Self.emulated.get().store
        case .endpoint: try Self.remote.get()
        }
    }

    // MARK: Over HTTP: one server and one client for all tests

    private static let emulated: Result<(emulator: Emulator, store: AzureBlobStore), any Error> = Result {
        let emulator = try Emulator(EmulatorConfiguration())
        emulator.start()
        let account = StorageAccount(
            name: EmulatorAccount.development.name,
            endpoint: try BlobEndpoint(emulator.endpoint)
        )
        return (emulator, try client(account, .sharedKey(Secret(EmulatorAccount.development.key))))
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

    private static func client(_ account: StorageAccount, _ credential: Credential) throws -> AzureBlobStore {
        // Some tests ask for what is refused again and again: not for ten minutes.
        let configuration = AzureBlobStoreConfiguration(retryDeadline: .seconds(5), commitDeadline: .seconds(5))
        return try AzureBlobStore(
            account: account,
            credential: credential,
            configuration: configuration,
            logger: Logger(label: "contract")
        )
    }
}
