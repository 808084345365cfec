package import BlobStorage
package import FileSystemModel

/// What blob metadata says about a file as Unix sees it, in the keys of the other tools.
///
/// Written: azcopy's (`modtime` in nanoseconds, `permissions` as the whole `st_mode` in decimal, `posix_owner`,
/// `posix_group`), `is_symlink` and `hdi_isfolder` of azcopy, blobfuse2 and the hierarchical namespace. Read as well:
/// rclone's `mtime` (RFC 3339), azcopy's AMLFS style (`owner`, `group`, octal `permissions`, textual `modtime`),
/// adlfs' `is_directory`.
package struct PosixMetadata: Sendable, Hashable {
    package var modificationTime: Timestamp?
    /// The low twelve bits of `st_mode`, without setuid and setgid, which are never honoured.
    package var permissions: UInt16?
    package var userID: UInt32?
    package var groupID: UInt32?
    package var isSymbolicLink = false
    package var isDirectory = false

    package init() {}

    package init(_ metadata: BlobMetadata) {
        modificationTime =
            metadata["modtime"].flatMap(Self.time(ofModtime:)) ?? metadata["mtime"].flatMap(Self.time(ofRFC3339:))
        permissions = metadata["permissions"].flatMap(Self.permissions(of:))
        userID = (metadata["posix_owner"] ?? metadata["owner"]).flatMap { UInt32($0) }
        groupID = (metadata["posix_group"] ?? metadata["group"]).flatMap { UInt32($0) }
        isSymbolicLink = Self.isTrue(metadata["is_symlink"])
        isDirectory =
            !isSymbolicLink && (Self.isTrue(metadata["hdi_isfolder"]) || Self.isTrue(metadata["is_directory"]))
    }

    /// Lays these values into `metadata` and leaves every other key as it is.
    package func write(to metadata: inout BlobMetadata, kind: FileKind) {
        if let modificationTime {
            metadata["modtime"] = Self.nanoseconds(modificationTime)
            // rclone's own key would win for rclone: keep it true where it is there.
            if metadata["mtime"] != nil { metadata["mtime"] = Self.rfc3339(modificationTime) }
        }
        if let permissions {
            let type: UInt32 =
                switch kind {
                case .file: 0o100000
                case .directory: 0o040000
                case .symbolicLink: 0o120000
                }
            metadata["permissions"] = String(type | UInt32(permissions))
        }
        if let userID {
            metadata["posix_owner"] = String(userID)
            metadata["owner"] = nil
        }
        if let groupID {
            metadata["posix_group"] = String(groupID)
            metadata["group"] = nil
        }
        if isSymbolicLink { metadata["is_symlink"] = "true" }
        if isDirectory { metadata["hdi_isfolder"] = "true" }
    }

    private static func isTrue(_ value: String?) -> Bool { value?.lowercased() == "true" }

    /// A leading 0 and at most four digits is azcopy's AMLFS style (octal), anything else the whole mode in decimal.
    private static func permissions(of text: String) -> UInt16? {
        let value = text.hasPrefix("0") && text.utf8.count <= 4 ? UInt32(text, radix: 8) : UInt32(text)
        return value.map { UInt16($0 & 0o1777) }
    }

    private static func time(ofModtime text: String) -> Timestamp? {
        if let nanoseconds = Int64(text) {
            // Rounded down, and without a step that could overflow near the ends of Int64 (the years 1677 and 2262).
            let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
            return rest < 0
                ? Timestamp(seconds: seconds - 1, nanoseconds: Int32(rest + 1_000_000_000))
                : Timestamp(seconds: seconds, nanoseconds: Int32(rest))
        }
        return CivilTime.parse(text)
    }

    private static func time(ofRFC3339 text: String) -> Timestamp? { CivilTime.parse(text) }

    static func nanoseconds(_ time: Timestamp) -> String {
        let (product, overflow) = time.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return String(time.seconds > 0 ? Int64.max : Int64.min) }
        let (sum, carried) = product.addingReportingOverflow(Int64(time.nanoseconds))
        return String(carried ? product : sum)
    }

    static func rfc3339(_ time: Timestamp) -> String { CivilTime.format(time) }
}
