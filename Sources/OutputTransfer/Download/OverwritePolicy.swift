/// What a download does about a file that is there already.
package enum OverwritePolicy: String, Sendable, CaseIterable {
    /// It stays, whatever it is.
    case never
    /// It stays if it has the blob's size, and its time or else its stored MD5.
    case changed
    case always
}

/// A local file, as a download finds it.
struct ExistingFile: Sendable, Hashable {
    var byteCount: UInt64
    /// Seconds since the epoch.
    var modified: Int64
}

/// Whether a file that is there spares the download.
enum OverwriteDecision: Sendable, Hashable {
    case fetch
    case keep
    /// The size is right and the time is not: the MD5 decides.
    case compare(md5: String)

    init(_ policy: OverwritePolicy, _ existing: ExistingFile?, length: UInt64, modified: Int64, contentMD5: String?) {
        guard let existing else {
            self = .fetch
            return
        }
        switch policy {
        case .never: self = .keep
        case .always: self = .fetch
        case .changed:
            if existing.byteCount != length {
                self = .fetch
            } else if existing.modified == modified {
                self = .keep
            } else {
                self = contentMD5.map { .compare(md5: $0) } ?? .fetch
            }
        }
    }
}
