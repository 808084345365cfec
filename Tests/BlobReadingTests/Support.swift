import BlobStorage
import Logging
import Synchronization
import Testing

@testable import BlobReading

/// A cache over a scripted store: blocks of 1,024 bytes in 16 pieces of 64, so that "large" reads begin at 128 bytes.
struct Bench {
    static let pieceSize = 64
    static let blockSize = 1024

    let store: ScriptedStore
    let cache: BlockCache

    init(
        _ pace: ScriptedStore.Pace = .held,
        slabs: Int = 64,
        verification: RangeVerification = .crc64,
        readAheadBlocksMax: Int = 8
    ) {
        store = ScriptedStore(pace)
        cache = BlockCache(
            store: store,
            configuration: BlockCacheConfiguration(
                memoryBudget: slabs * Self.blockSize,
                blockSize: Self.blockSize,
                pieceSize: Self.pieceSize,
                verification: verification,
                readAheadBlocksMax: readAheadBlocksMax
            ),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    func open(_ name: String, length: UInt64, etag: String = "\"1\"") -> Opened {
        let (address, properties) = store.put(name, length: length, etag: etag)
        return Opened(cache, address, properties)
    }

    func openAppend(_ name: String, length: UInt64, creationTime: Int64 = 7) -> Opened {
        let (address, properties) = store.put(name, length: length, type: .append, creationTime: creationTime)
        return Opened(cache, address, properties)
    }
}

/// A reader, and what its bytes should be.
struct Opened: Sendable {
    let reader: BlobReader
    let content: Content

    init(_ cache: BlockCache, _ address: BlobAddress, _ properties: BlobProperties) {
        reader = BlobReader(cache: cache, blob: address, properties: properties)
        content = Content(properties)
    }

    /// Reads; the answer's bytes are compared on arrival.
    @discardableResult
    func read(_ offset: UInt64, _ count: Int, _ stream: ReadStream = ReadStream()) -> Answer {
        let answer = Answer()
        let expected = clip(offset, count)
        let content = content
        answer.ticket.withLock { ticket in
            ticket = reader.read(at: offset, count: count, stream: stream) { result in
                switch result {
                case .success(let buffers): answer.note(content.matches(buffers, expected) ? .right : .wrong)
                case .failure(let error): answer.note(.failed(error.kind))
                }
            }
        }
        return answer
    }

    private func clip(_ offset: UInt64, _ count: Int) -> Range<UInt64> {
        let length = reader.length
        let start = min(offset, length)
        return start..<start + min(UInt64(count), length - start)
    }

    /// Whether the range was answered from memory, and rightly.
    func isPresent(_ offset: UInt64, _ count: Int, _ stream: ReadStream = ReadStream()) -> Bool {
        var isRight = false
        let isPresent = reader.readPresent(at: offset, count: count, stream: stream) { buffers in
            isRight = content.matches(buffers, clip(offset, count))
        }
        #expect(!isPresent || isRight)
        return isPresent
    }
}

/// What became of a read.
final class Answer: Sendable {
    enum Outcome: Sendable, Equatable {
        case right
        case wrong
        case failed(StorageError.Kind)
    }

    private let outcomes = Mutex<[Outcome]>([])
    let ticket = Mutex<ReadTicket?>(nil)

    func note(_ outcome: Outcome) { outcomes.withLock { $0.append(outcome) } }

    /// All calls of the completion: one at most, if all is well.
    var all: [Outcome] { outcomes.withLock { $0 } }
    var isPending: Bool { all.isEmpty }

    func cancel() {
        let ticket = ticket.withLock { $0 }
        ticket?.cancel()
    }
}

/// A generator whose seed is printed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
