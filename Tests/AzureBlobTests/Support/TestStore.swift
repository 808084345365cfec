import BlobStorage
import Logging
import Synchronization

@testable import AzureBlob

/// Time that passes only when something sleeps, and chance that is always the highest number.
final class ManualTime: Sendable {
    private let state = Mutex((now: Duration.zero, slept: [Duration]()))

    var slept: [Duration] { state.withLock { $0.slept } }

    func surroundings(wallClock: @escaping @Sendable () -> Int64 = { 1_794_389_400 }) -> Surroundings {
        Surroundings(
            wallClock: wallClock,
            uptime: { self.state.withLock { $0.now } },
            sleep: { duration in
                try Task.checkCancellation()
                self.state.withLock { state in
                    state.now += duration
                    state.slept.append(duration)
                }
            },
            random: { 0.999 }
        )
    }
}

/// A source of tokens that a test wrote; it never has one at hand.
struct ScriptedSource: CredentialSource {
    let answer: @Sendable (_ refused: Secret?) async -> Result<Secret, StorageError>

    init(_ answer: @escaping @Sendable (_ refused: Secret?) async -> Result<Secret, StorageError>) {
        self.answer = answer
    }

    func ready() -> Secret? { nil }
    func secret(refused: Secret?) async -> Result<Secret, StorageError> { await answer(refused) }
}

extension AzureBlobStore {
    /// A store in front of a scripted server, in host style. The store keeps the server.
    static func scripted(
        _ server: ScriptedServer,
        credential: Credential = .anonymous,
        configuration: AzureBlobStoreConfiguration = AzureBlobStoreConfiguration(),
        surroundings: Surroundings? = nil
    ) throws -> AzureBlobStore {
        var surroundings = surroundings ?? ManualTime().surroundings()
        let wallClock = surroundings.wallClock
        surroundings.wallClock = { withExtendedLifetime(server) { wallClock() } }
        let endpoint = try BlobEndpoint("http://127.0.0.1:\(server.port)")
        var account = StorageAccount(name: "acc", endpoint: endpoint)
        account.dataLakeEndpoint = endpoint
        return try AzureBlobStore(
            account: account,
            credential: credential,
            configuration: configuration,
            surroundings: surroundings,
            logger: Logger(label: "test")
        )
    }

    /// A ranged read, awaited, with what it put into memory.
    func readBytes(
        _ blob: BlobAddress,
        _ range: Range<UInt64>,
        condition: VersionCondition = .any,
        verification: RangeVerification = .none,
        onProgress: (@Sendable (Int) -> Void)? = nil
    ) async throws(StorageError) -> (result: BlobReadResult, bytes: [UInt8]) {
        // Behind the room there is a guard of 64 bytes that must not change.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count + 64, alignment: 16)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0xEE)
        guard let start = memory.baseAddress else { preconditionFailure("memory of no bytes") }
        let read = BlobRead(
            blob: blob,
            range: range,
            condition: condition,
            verification: verification,
            destination: start,
            onProgress: onProgress
        )
        let result = await withCheckedContinuation { continuation in
            self.read(read) { continuation.resume(returning: $0) }
        }
        precondition(memory[range.count...].allSatisfy { $0 == 0xEE }, "bytes were written behind the destination")
        return (try result.get(), Array(memory[..<range.count]))
    }
}

let someBlob = BlobAddress(container: "jobs", name: "out/a.bin")

/// Bytes that no shift of them equals.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ 7) }
}
