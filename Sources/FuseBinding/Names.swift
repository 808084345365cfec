import FileSystemModel
internal import Glibc

/// A name out of a request, or why it cannot be one of ours.
enum ParsedName {
    case name(FileName)
    case tooLong
    case notUTF8

    /// NAME_MAX, which the kernel leaves to the file system (it lets 1,024 bytes through).
    static let lengthMax = 255

    init(_ bytes: UnsafePointer<CChar>?) {
        guard let bytes else {
            self = .notUTF8
            return
        }
        guard strlen(bytes) <= Self.lengthMax else {
            self = .tooLong
            return
        }
        guard let string = String(validatingCString: bytes) else {
            self = .notUTF8
            return
        }
        self = .name(FileName(string))
    }

    /// What the operation is about to do with the name: it decides how a name that cannot exist is refused.
    enum Purpose {
        /// Nothing of that name can be there: ENOENT.
        case find
        /// It cannot be made: EINVAL.
        case make
    }

    func get(for purpose: Purpose) throws(FileSystemError) -> FileName {
        switch self {
        case .name(let name): return name
        case .tooLong: throw FileSystemError(errno: ENAMETOOLONG, "a name of more than \(Self.lengthMax) bytes")
        case .notUTF8:
            throw FileSystemError(errno: purpose == .find ? ENOENT : EINVAL, "a name that is not UTF-8")
        }
    }
}
