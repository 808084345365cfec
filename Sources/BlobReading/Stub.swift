package import BlobStorage
package import Logging

package struct BlockCacheConfiguration: Sendable {}
package final class BlockCache: Sendable {
    package init(store: any BlobStore, configuration: BlockCacheConfiguration, logger: Logger) {}
    package func shutDown() {}
}
package final class BlobReader: Sendable {
    package init(cache: BlockCache, blob: BlobAddress, properties: BlobProperties) {}
    package var length: UInt64 { 0 }
    package func extend(to length: UInt64) {}
    package func adopt(_ etag: ETag) {}
    package func readPresent(
        at offset: UInt64,
        count: Int,
        stream: ReadStream,
        _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void
    ) -> Bool { false }
    @discardableResult
    package func read(
        at offset: UInt64,
        count: Int,
        stream: ReadStream,
        completion: @escaping @Sendable (Result<UnsafeBufferPointer<UnsafeRawBufferPointer>, StorageError>) -> Void
    ) -> ReadTicket { ReadTicket() }
    package func close() {}
}
package final class ReadStream: Sendable { package init() {} }
package final class ReadTicket: Sendable { package func cancel() {} }
