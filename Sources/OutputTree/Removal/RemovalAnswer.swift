import BlobStorage
import FileSystemModel

/// One step of a mass delete: up to a page of names at and below a path.
package struct RemovalStep: Sendable, Codable, Equatable {
    /// From the tree's root on: `jobs/film/tasks/1`.
    package var path: String
    package var isRecursive: Bool
    /// Only say what would go.
    package var isDryRun: Bool
    /// Requests in flight at once.
    package var atOnce: Int
    /// Where the step before ended; `nil` for the first.
    package var marker: String?
    /// What the step before was about. By now the path may lead elsewhere: another upload has the name of one that is gone, or
    /// nothing has it, since the blob went first that said its name.
    package var directory: RemovalDirectory?

    package init(path: String, isRecursive: Bool, isDryRun: Bool, atOnce: Int, marker: String? = nil) {
        (self.path, self.isRecursive, self.isDryRun) = (path, isRecursive, isDryRun)
        (self.atOnce, self.marker) = (atOnce, marker)
    }
}

/// What a step did.
package struct RemovalAnswer: Sendable, Codable, Equatable {
    package struct Blob: Sendable, Codable, Equatable {
        /// Container and name.
        package var path: String
        /// In bytes.
        package var size: UInt64
    }

    package struct Failure: Sendable, Codable, Equatable {
        package var path: String
        package var reason: String

        package init(path: String, reason: String) { (self.path, self.reason) = (path, reason) }
    }

    /// Those that are gone now; with a dry run those that would go.
    package var blobs: [Blob] = []
    package var failures: [Failure] = []
    /// Where the next step begins; `nil` after the last one.
    package var next: String?
    /// For the next step.
    package var directory: RemovalDirectory?
}

/// What all blobs in a directory that is removed have in common.
package struct RemovalDirectory: Sendable, Codable, Equatable {
    package var container: String
    package var prefix: String

    init(_ address: BlobAddress) { (container, prefix) = (address.container, address.name) }

    var address: BlobAddress { BlobAddress(container: container, name: prefix) }
}

/// Why nothing is deleted.
package struct RemovalRefusal: Error, Sendable, Codable, Equatable {
    package enum Kind: String, Sendable, Codable {
        case notFound
        /// It takes `-r`.
        case isDirectory
        /// It is no file, and no directory whose content could go.
        case forbidden
        /// The store did not answer, or not so.
        case storage
    }

    package var kind: Kind
    package var reason: String

    init(_ kind: Kind, _ reason: String) { (self.kind, self.reason) = (kind, reason) }

    init(_ error: StorageError) {
        self.init(error.kind == .notFound ? .notFound : .storage, FileSystemError(error).reason)
    }
}
