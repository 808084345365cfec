package import SystemPackage

/// The system calls of one process on one tree: a mount, a local directory, or the tree itself without a kernel.
///
/// Paths are relative to the tree's root, without a slash at either end; flags and modes are those of <fcntl.h> and
/// <sys/stat.h>. Every call may block and must be made on a thread of one's own (`onOwnThread`).
package protocol FileOperations: AnyObject, Sendable {
    // MARK: Open files

    /// `flags`: O_RDONLY and so on, from <fcntl.h>.
    func open(_ path: String, _ flags: Int32, permissions: UInt16) throws(Errno) -> Int32
    func duplicate(_ descriptor: Int32) throws(Errno) -> Int32
    /// At most `count` bytes; fewer only at the end of the file.
    func pread(_ descriptor: Int32, count: Int, at offset: UInt64) throws(Errno) -> [UInt8]
    func pwrite(_ descriptor: Int32, _ bytes: [UInt8], at offset: UInt64) throws(Errno)
    /// At the descriptor's position, or, with O_APPEND, at the end.
    func write(_ descriptor: Int32, _ bytes: [UInt8]) throws(Errno)
    func fsync(_ descriptor: Int32) throws(Errno)
    func truncate(_ descriptor: Int32, to size: UInt64) throws(Errno)
    func status(_ descriptor: Int32) throws(Errno) -> FileStatus
    /// `mode`: FALLOC_FL_*.
    func fallocate(_ descriptor: Int32, mode: Int32, offset: UInt64, length: UInt64) throws(Errno)
    /// copy_file_range(2) to the same position; as many bytes as one call takes.
    func copyRange(_ source: Int32, to copy: Int32, at offset: UInt64, count: Int) throws(Errno) -> Int
    /// Closes in any case, and throws what close(2) returned.
    func close(_ descriptor: Int32) throws(Errno)

    // MARK: Names

    /// lstat(2), or stat(2) if `follows`.
    func status(_ path: String, follows: Bool) throws(Errno) -> FileStatus
    /// All names but `.` and `..`, in the order in which they come.
    func list(_ path: String) throws(Errno) -> [ListedName]
    func makeDirectory(_ path: String, permissions: UInt16) throws(Errno)
    func removeDirectory(_ path: String) throws(Errno)
    func makeNode(_ path: String, permissions: UInt16) throws(Errno)
    func unlink(_ path: String) throws(Errno)
    /// `flags`: RENAME_* of renameat2(2).
    func rename(_ path: String, to newPath: String, flags: UInt32) throws(Errno)
    func makeLink(_ path: String, to target: String) throws(Errno)
    func readLink(_ path: String) throws(Errno) -> String

    // MARK: Attributes

    func truncate(_ path: String, to size: UInt64) throws(Errno)
    func setPermissions(_ path: String, _ permissions: UInt16) throws(Errno)
    func setOwner(_ path: String, user: UInt32, group: UInt32) throws(Errno)
    /// In nanoseconds since the epoch; `nil` is now.
    func setModificationTime(_ path: String, _ time: Int64?) throws(Errno)
    func attribute(_ path: String, _ name: String) throws(Errno) -> [UInt8]
    func attributes(_ path: String) throws(Errno) -> [String]
    /// `flags`: XATTR_CREATE 1, XATTR_REPLACE 2.
    func setAttribute(_ path: String, _ name: String, _ value: [UInt8], flags: Int32) throws(Errno)
    func removeAttribute(_ path: String, _ name: String) throws(Errno)
}

/// What stat(2) says, as far as the suite looks at it.
package struct FileStatus: Sendable, Hashable {
    package enum Kind: Sendable, Hashable { case file, directory, link, other }

    package var inode: UInt64
    package var kind: Kind
    /// The low twelve bits of `st_mode`.
    package var permissions: UInt16
    package var userID: UInt32
    package var groupID: UInt32
    package var linkCount: UInt64
    package var size: UInt64
    /// Nanoseconds since the epoch.
    package var modificationTime: Int64
}

/// One entry of a directory.
package struct ListedName: Sendable, Hashable {
    package var name: String
    package var inode: UInt64
    package var kind: FileStatus.Kind
}
