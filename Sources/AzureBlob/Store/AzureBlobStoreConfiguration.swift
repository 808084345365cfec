package import BlobStorage

/// Bounds of an `AzureBlobStore`.
package struct AzureBlobStoreConfiguration: Sendable, Hashable {
    /// Requests at a time, each with a connection of its own; one in eight is kept for the foreground.
    package var maxConnections: Int
    package var connectTimeout: Duration
    /// An attempt with next to no bytes for so long is given up. Operations on which the service itself works for a
    /// while (commits, copies) have more.
    package var stallTimeout: Duration
    /// How long reads and metadata are retried, from the start or the last byte that arrived.
    package var retryDeadline: Duration
    /// How long uploads, commits and copies are retried.
    package var commitDeadline: Duration
    /// Certificates to trust instead of the system's (PEM).
    package var caFile: String?
    /// How the account keeps directories.
    package var namespace: Namespace

    package init(
        maxConnections: Int = 64,
        connectTimeout: Duration = .seconds(10),
        stallTimeout: Duration = .seconds(20),
        retryDeadline: Duration = .seconds(60),
        commitDeadline: Duration = .seconds(600),
        caFile: String? = nil,
        namespace: Namespace = .flat
    ) {
        self.maxConnections = maxConnections
        self.connectTimeout = connectTimeout
        self.stallTimeout = stallTimeout
        self.retryDeadline = retryDeadline
        self.commitDeadline = commitDeadline
        self.caFile = caFile
        self.namespace = namespace
    }
}
