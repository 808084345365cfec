import BlobStorage
import TestSupport
import Testing

/// The implementations of `BlobStore` that the contract is held against.
enum StorageUnderTest: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory
    /// The same, with the least convenient listings that the service may give.
    case memoryWithOddListings

    static var available: [StorageUnderTest] { allCases }

    var testDescription: String { rawValue }

    func makeStore() async throws -> any BlobStore {
        switch self {
        case .memory: MemoryStore()
        case .memoryWithOddListings:
            MemoryStore(habits: ListingHabits(pageSizeMax: 3, insertsEmptyPages: true, repeatsPrefixes: true))
        }
    }
}
