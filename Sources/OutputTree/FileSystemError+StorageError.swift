import BlobStorage
import FileSystemModel
import Glibc

extension FileSystemError {
    /// What a failure of storage is to a program: the one place where storage's kinds become errno.
    ///
    /// `pinned` says that a certain version was wanted: then its absence is ESTALE, which the kernel answers with a
    /// fresh lookup and a second try.
    init(_ error: StorageError, pinned: Bool = false) {
        let errno: Int32 =
            switch error.kind {
            case .notFound: pinned ? ESTALE : ENOENT
            case .alreadyExists: EEXIST
            case .notEmpty: ENOTEMPTY
            case .conditionFailed: ESTALE
            // Not EPERM: the same call may succeed with other credentials, or with the key.
            case .unauthenticated, .denied, .encrypted: EACCES
            case .leased, .containerBeingDeleted: EBUSY
            case .immutable: EPERM
            // "Object is remote": the tape archive's errno, and what `--tier` tools expect.
            case .archived: EREMOTE
            case .conflict: EBUSY
            case .invalid: EINVAL
            // A blob's metadata is where its extended attributes are: setxattr(2)'s errno.
            case .tooLarge: error.code == "MetadataTooLarge" ? E2BIG : EFBIG
            case .cancelled: EINTR
            case .throttled, .unavailable, .corrupted, .localInput, .unexpected: EIO
            }
        self.init(errno: errno, error.remedy.map { "\(error.description); \($0)" } ?? error.description)
    }
}

extension StorageError {
    /// What whoever reads the log can do where trying again will not help; `nil` where that is plain or unknown.
    fileprivate var remedy: String? {
        switch kind {
        case .leased: "wait until whoever holds the lease gives it back, or break the lease"
        case .immutable: "it can be changed when its legal hold is lifted and its retention is over"
        case .archived:
            code == "BlobBeingRehydrated"
                ? "wait until it is rehydrated" : "set its tier to Hot, Cool or Cold and wait until it is rehydrated"
        case .encrypted: "outputfs has no such key: use a client that sends it"
        case .containerBeingDeleted: "its name is free again when the deletion is over"
        default: nil
        }
    }
}
