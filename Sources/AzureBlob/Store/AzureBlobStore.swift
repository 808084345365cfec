package import BlobStorage
package import Logging

/// The Azure Blob service as a `BlobStore`.
///
/// Each request is built as a value, dated and authorized, sent by one transport, and interpreted; attempts follow each
/// other in `RequestEngine` (awaited operations) or `RangeRead` (the data plane). What an operation does after an answer
/// that was lost stands with the operation.
package final class AzureBlobStore: BlobStore {
    let engine: RequestEngine

    /// - Throws: `.invalid` if the credential cannot be used, `.unavailable` if libcurl or a thread is not to be had.
    package convenience init(
        account: StorageAccount,
        credential: Credential,
        configuration: AzureBlobStoreConfiguration = AzureBlobStoreConfiguration(),
        logger: Logger
    ) throws(StorageError) {
        try self.init(
            account: account,
            credential: credential,
            configuration: configuration,
            surroundings: .system,
            logger: logger
        )
    }

    package init(
        account: StorageAccount,
        credential: Credential,
        configuration: AzureBlobStoreConfiguration,
        surroundings: Surroundings,
        logger: Logger
    ) throws(StorageError) {
        let authorizer = try Self.authorizer(account, credential, surroundings)
        let options = Transport.Options(connectionsMax: configuration.maxConnections, network: configuration.network)
        guard let transport = Transport(options) else {
            throw StorageError(
                .unavailable,
                .permanent,
                operation: "connect",
                resource: account.name,
                message: "libcurl or its thread cannot be started"
            )
        }
        engine = RequestEngine(
            authorizer: authorizer,
            transport: transport,
            configuration: configuration,
            surroundings: surroundings,
            logger: logger
        )
    }

    /// Another account beside one that is there: its connections, and what limits them, are for both.
    package init(
        account: StorageAccount,
        credential: Credential,
        beside other: AzureBlobStore,
        logger: Logger
    ) throws(StorageError) {
        engine = RequestEngine(
            authorizer: try Self.authorizer(account, credential, other.engine.surroundings),
            transport: other.engine.transport,
            lane: other.engine.transport.newLane(),
            configuration: other.engine.configuration,
            surroundings: other.engine.surroundings,
            logger: logger
        )
    }

    private static func authorizer(
        _ account: StorageAccount,
        _ credential: Credential,
        _ surroundings: Surroundings
    ) throws(StorageError) -> RequestAuthorizer {
        do throws(AccountError) {
            return try RequestAuthorizer(account: account, credential: credential, wallClock: surroundings.wallClock)
        } catch {
            throw StorageError(.invalid, .permanent, operation: "connect", resource: account.name, message: "\(error)")
        }
    }

    /// The most that the transport buffers of answers, in bytes.
    package var receiveBufferBytes: Int { engine.configuration.maxConnections * EasyHandle.receiveBufferSize }

    package func namespace(of container: String) -> Namespace { engine.configuration.namespace }

    /// What was requested so far.
    package var counters: RequestCounters { engine.counting.snapshot }

    @discardableResult
    package func read(
        _ read: BlobRead,
        completion: @escaping @Sendable (Result<BlobReadResult, StorageError>) -> Void
    ) -> any ReadOperation {
        let operation = RangeRead(read, engine: engine, completion: completion)
        operation.start()
        return operation
    }
}
