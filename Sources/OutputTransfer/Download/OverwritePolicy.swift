internal import BlobStorage
internal import FileSystemModel
internal import OutputConventions

/// What a download does about a file that is there already.
package enum OverwritePolicy: String, Sendable, CaseIterable {
    /// It stays, whatever it is.
    case never
    /// It stays if it has the blob's size and is known to be this version, by the ETag that the download left on it or else by
    /// its time or stored MD5.
    case changed
    case always
}

/// A local file, as a download finds it.
struct ExistingFile: Sendable, Hashable {
    var byteCount: UInt64
    /// Seconds since the epoch.
    var modified: Int64
    /// Of the blob that it was fetched from; `nil` where nothing tells.
    var etag: String?
}

/// Whether a file that is there spares the download.
enum OverwriteDecision: Sendable, Hashable {
    case fetch
    case keep
    /// The size is right and the time is not: the MD5 decides.
    case compare(md5: String)

    /// - Parameter validates: what would be kept for its size and time is kept for its MD5 only.
    init(_ policy: OverwritePolicy, _ existing: ExistingFile?, _ blob: BlobProperties, validates: Bool = false) {
        guard let existing else {
            self = .fetch
            return
        }
        let modified = PosixMetadata(blob.metadata).modificationTime?.seconds ?? blob.version.lastModified
        switch policy {
        case .never: self = .keep
        case .always: self = .fetch
        case .changed:
            if existing.byteCount != blob.length {
                self = .fetch
            } else if validates, let md5 = blob.contentMD5 {
                self = .compare(md5: md5)
            } else if let etag = existing.etag, existing.modified == modified {
                // Times are whole seconds: the ETag tells two versions of one second apart.
                self = etag == blob.version.etag.text ? .keep : .fetch
            } else if existing.modified == modified {
                self = .keep
            } else {
                self = blob.contentMD5.map { .compare(md5: $0) } ?? .fetch
            }
        }
    }
}
