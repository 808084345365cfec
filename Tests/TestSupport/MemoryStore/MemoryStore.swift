package import BlobStorage
import Dispatch
import Synchronization

/// Storage in memory: the whole contract of `BlobStore`, and what tests need besides: blobs that are just there, counts of
/// calls, calls that fail, and calls that are held until they are let go.
///
/// Every operation takes effect on a queue of its own, never on the caller's thread; completions and upload bodies are
/// called there. The clock stands still unless a test moves it.
package final class MemoryStore: BlobStore {
    struct State: Sendable {
        var containers: [String: ContainerProperties] = [:]
        var blobs: [BlobAddress: StoredBlob] = [:]
        var etagCount: UInt64 = 0
        var now: Int64 = 1_700_000_000
    }

    let state = Mutex(State())
    let desk = FaultDesk()
    package let namespace: Namespace
    let habits: ListingHabits
    /// Bytes of blobs that went in or out.
    let traffic = Atomic(0)
    let queue = DispatchQueue(label: "MemoryStore", attributes: .concurrent)

    package init(
        containers: [String] = [],
        namespace: Namespace = .flat,
        habits: ListingHabits = ListingHabits()
    ) {
        self.namespace = namespace
        self.habits = habits
        for name in containers { addContainer(name) }
    }

    package func namespace(of container: String) -> Namespace { namespace }

    /// Bytes of content that were sent to the store, or read from it, so far; what it copies by itself does not count.
    package var byteCountMoved: Int { traffic.load(ordering: .relaxed) }

    /// Runs one operation: counted, perhaps held, perhaps failing before or after it took effect.
    func perform<Value: Sendable>(
        _ operation: StoreOperation,
        on resource: String,
        _ effect: @escaping @Sendable (Failures) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let failures = Failures(operation: operation, resource: resource)
        let fault = desk.admit(operation)
        guard !Task.isCancelled else { throw failures.cancelled }
        guard await desk.pass(operation) else { throw failures.cancelled }
        if let fault, !fault.takesEffect { throw fault.error }
        let result = await withCheckedContinuation { continuation in
            queue.async { [desk] in
                do throws(StorageError) {
                    let value = try effect(failures)
                    desk.takeSequel(of: operation)?()
                    continuation.resume(returning: Result<Value, StorageError>.success(value))
                } catch {
                    continuation.resume(returning: Result<Value, StorageError>.failure(error))
                }
            }
        }
        let value = try result.get()
        if let fault { throw fault.error }
        return value
    }
}

/// Makes the errors of one call.
struct Failures: Sendable {
    let operation: StoreOperation
    let resource: String

    func callAsFunction(_ kind: StorageError.Kind, _ status: Int, _ code: String) -> StorageError {
        StorageError(
            kind,
            .permanent,
            operation: operation.rawValue,
            resource: resource,
            message: "refused by MemoryStore",
            status: status,
            code: code
        )
    }

    var cancelled: StorageError {
        StorageError(.cancelled, .permanent, operation: operation.rawValue, resource: resource, message: "cancelled")
    }

    var localInput: StorageError {
        StorageError(
            .localInput,
            .permanent,
            operation: operation.rawValue,
            resource: resource,
            message: "the bytes to send could not be read"
        )
    }
}

extension MemoryStore.State {
    mutating func newVersion() -> BlobVersion {
        etagCount += 1
        return BlobVersion(
            etag: ETag("\"0x8D\(String(0x1000_0000 + etagCount, radix: 16, uppercase: true))\""),
            lastModified: now
        )
    }

    /// The blob that a request is about, after the tests that all requests have in common.
    func blob(_ address: BlobAddress, _ failures: Failures) throws(StorageError) -> StoredBlob? {
        guard containers[address.container] != nil else { throw failures(.notFound, 404, "ContainerNotFound") }
        return blobs[address]
    }

    /// The committed blob that has to be there.
    func existing(_ address: BlobAddress, _ failures: Failures) throws(StorageError) -> StoredBlob.Committed {
        guard let blob = try blob(address, failures)?.committed else { throw failures(.notFound, 404, "BlobNotFound") }
        return blob
    }

    /// The committed blob that has to be there, in this version. One that was asked for by version and is gone is
    /// another version.
    func existing(
        _ address: BlobAddress,
        _ condition: VersionCondition,
        _ failures: Failures
    ) throws(StorageError) -> StoredBlob.Committed {
        let blob = try blob(address, failures)?.committed
        if case .matches = condition { try condition.check(blob, failures) }
        guard let blob else { throw failures(.notFound, 404, "BlobNotFound") }
        try condition.check(blob, failures)
        return blob
    }
}

extension VersionCondition {
    /// Throws unless the condition holds for what is there.
    func check(_ blob: StoredBlob.Committed?, _ failures: Failures) throws(StorageError) {
        switch self {
        case .any: break
        case .absent, .vacant: if blob != nil { throw failures(.alreadyExists, 409, "BlobAlreadyExists") }
        case .matches(let etag):
            if blob?.properties.version.etag != etag { throw failures(.conditionFailed, 412, "ConditionNotMet") }
        }
    }
}

extension StoredBlob.Committed {
    /// Throws if a lease guards the blob. (`MemoryStore` has no leases of its own; tests set the state.)
    func checkLease(_ failures: Failures) throws(StorageError) {
        if properties.leaseState == "leased" { throw failures(.leased, 412, "LeaseIdMissing") }
    }

    func check(_ type: BlobType, _ failures: Failures) throws(StorageError) {
        if properties.type != type { throw failures(.conflict, 409, "InvalidBlobType") }
    }
}
