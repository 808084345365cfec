/// The kernel's name for a file that it knows: handed out by lookup, given back by forget.
///
/// A 64-bit counter of the mount, never reused, so that a late request can never hit another file.
package struct NodeID: Hashable, Sendable, RawRepresentable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The mount point (FUSE_ROOT_ID).
    package static let root = NodeID(rawValue: 1)
}

/// The number that open, create or opendir gave to one open file or directory (`fi->fh`).
package struct HandleID: Hashable, Sendable, RawRepresentable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One name in a directory: UTF-8, compared byte by byte.
///
/// `String`'s own equality follows Unicode's canonical equivalence, by which `é` and `é` are one name; to the
/// kernel and to Blob Storage they are two.
package struct FileName: Hashable, Sendable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let string: String

    package init(_ string: String) { self.string = string }
    package init(stringLiteral value: String) { string = value }

    package var description: String { string }

    package static func == (one: FileName, other: FileName) -> Bool { one.string.utf8.elementsEqual(other.string.utf8) }
    package static func < (one: FileName, other: FileName) -> Bool {
        one.string.utf8.lexicographicallyPrecedes(other.string.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

/// The process whose system call a request serves.
package struct Caller: Sendable, Hashable {
    package var userID: UInt32
    package var groupID: UInt32
    /// The thread's id as the kernel reports it; 0 when the kernel itself asks (write-back of a mapping).
    package var processID: Int32
    /// The umask of the caller, for create, mkdir and mknod.
    package var umask: UInt32

    package init(userID: UInt32, groupID: UInt32, processID: Int32, umask: UInt32 = 0) {
        self.userID = userID
        self.groupID = groupID
        self.processID = processID
        self.umask = umask
    }
}
