package import BlobStorage
package import LocalStore

/// What a commit left in the store.
package struct CommittedFile: Sendable, Hashable {
    /// Where: a rename that came during the commit takes effect after it.
    package var blob: BlobAddress
    package var version: BlobVersion
    /// In bytes.
    package var size: UInt64
    /// Of the whole file, base64, if it is stored.
    package var contentMD5: String?
    package var type: BlobType = .block
    /// Of append blobs; seconds since the epoch.
    package var creationTime: Int64?
}

/// Why the store does not hold the bytes. They stay in the spool, and the commit can be tried again.
package enum CommitError: Error, Sendable, CustomStringConvertible {
    case storage(StorageError)
    case local(LocalStoreError)

    package var description: String {
        switch self {
        case .storage(let error): error.description
        case .local(let error): error.description
        }
    }

    /// The caller went away, or the file was discarded.
    package var isCancelled: Bool { if case .storage(let error) = self { error.kind == .cancelled } else { false } }

    static func cancelled(_ operation: String, _ blob: BlobAddress) -> CommitError {
        .storage(
            StorageError(.cancelled, .permanent, operation: operation, resource: blob.description, message: "cancelled")
        )
    }
}

/// What became of a write, truncation or hole.
package enum WriteOutcome: Sendable, Hashable {
    case done
    /// A commit holds the file: wait (`waitUntilWritable`) and try again.
    case busy
}
