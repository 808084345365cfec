package import BlobStorage
package import LocalStore
internal import Synchronization

/// The bytes of one version of one blob; shared by all handles of it.
///
/// Reads never mix versions: every GET carries If-Match, or, for an append blob, is held against its creation time. A
/// version that is gone shows as `.conditionFailed` or `.notFound`; what is in memory of it can still be read.
package final class BlobReader: Sendable {
    let cache: BlockCache
    let version: SlotID
    private let lengthNow: Atomic<UInt64>
    private let isClosed = Atomic(false)

    package init(cache: BlockCache, blob: BlobAddress, properties: BlobProperties) {
        self.cache = cache
        version = cache.open(VersionKey(blob, properties), length: properties.length)
        lengthNow = Atomic(properties.length)
    }

    deinit { close() }

    /// In bytes.
    package var length: UInt64 { lengthNow.load(ordering: .acquiring) }

    /// An append blob grew. What is cached stays; only new bytes are fetched. A smaller length changes nothing.
    package func extend(to length: UInt64) {
        cache.extend(version, to: length)
        lengthNow.max(length, ordering: .releasing)
    }

    /// Only metadata changed: the same bytes have another ETag now. What is cached stays.
    package func adopt(_ etag: ETag) { cache.adopt(version, etag) }

    /// The bytes as a file on the local disk, if all of them are there and verified; it stays as long as the lease does.
    /// Where only the verifying is missing, as after a mount, it is done behind the last close, and a later open has the
    /// file. Waits for a few system calls on other threads, without blocking.
    package func lease() async -> CleanFileLease? { await cache.lease(version) }

    /// Answers from memory, at once, or says no, and then nothing was started. The bytes are lent for the duration of
    /// `body`; they are fewer than `count` only at the blob's end. Allocates nothing, except when the stream has come so
    /// far that more is to be fetched ahead.
    package func readPresent(
        at offset: UInt64,
        count: Int,
        stream: ReadStream,
        _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void
    ) -> Bool {
        let length = length
        guard let range = Self.clip(offset, count, length) else {
            body(UnsafeBufferPointer(start: nil, count: 0))
            return true
        }
        guard cache.lend(version, range, body) else { return false }
        cache.follow(version, range, length: length, stream: stream)
        return true
    }

    /// Reads what is there, and starts or joins what is missing.
    ///
    /// `completion` is called once, on the transport's thread or before this returns, with bytes lent for its duration;
    /// it must not block. A read longer than half of the memory budget fails with `.tooLarge`.
    @discardableResult
    package func read(
        at offset: UInt64,
        count: Int,
        stream: ReadStream,
        completion: @escaping @Sendable (Result<UnsafeBufferPointer<UnsafeRawBufferPointer>, StorageError>) -> Void
    ) -> ReadTicket {
        let length = length
        guard let range = Self.clip(offset, count, length) else {
            completion(.success(UnsafeBufferPointer(start: nil, count: 0)))
            return ReadTicket(nil, cache)
        }
        return ReadTicket(
            cache.read(version, range, length: length, stream: stream, completion: completion),
            cache
        )
    }

    /// The handle with this stream is closed: what is being fetched ahead for it alone is cancelled.
    package func end(_ stream: ReadStream) { cache.end(stream: stream.id) }

    /// No handle needs it any more: its blocks become plain cache, its read-ahead stops.
    package func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        cache.close(version)
    }

    /// The part of a read that lies within the blob; `nil` if none does.
    private static func clip(_ offset: UInt64, _ count: Int, _ length: UInt64) -> Range<UInt64>? {
        guard offset < length, count > 0 else { return nil }
        return offset..<offset + min(UInt64(count), length - offset)
    }
}

/// A read that may still be under way.
package final class ReadTicket: Sendable {
    private let read: SlotID?
    private let cache: BlockCache

    init(_ read: SlotID?, _ cache: BlockCache) {
        self.read = read
        self.cache = cache
    }

    /// The reader does not want to wait: its completion is called with `.cancelled`, unless it was called before. The
    /// fetch goes on if others want it, or if it is read-ahead.
    package func cancel() {
        if let read { cache.cancel(read) }
    }
}
