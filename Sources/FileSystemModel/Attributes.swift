/// A point in time as `struct timespec` has it.
package struct Timestamp: Hashable, Sendable, Comparable {
    /// Since 1970-01-01T00:00:00Z.
    package var seconds: Int64
    /// 0 ..< 1,000,000,000.
    package var nanoseconds: Int32

    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (one: Timestamp, other: Timestamp) -> Bool {
        (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
    }
}

/// What an inode is.
package enum FileKind: Sendable, Hashable {
    case file
    case directory
    case symbolicLink
}

/// What stat(2) shows of a file.
package struct Attributes: Sendable, Hashable {
    /// `st_ino`: stable over remounts, unlike the node's id.
    package var inode: UInt64
    package var kind: FileKind
    /// The low twelve bits of `st_mode`.
    package var permissions: UInt16
    package var linkCount: UInt32
    package var userID: UInt32
    package var groupID: UInt32
    /// In bytes; `st_blocks` follows from it.
    package var size: UInt64
    package var accessTime: Timestamp
    package var modificationTime: Timestamp
    package var changeTime: Timestamp

    package init(
        inode: UInt64,
        kind: FileKind,
        permissions: UInt16,
        linkCount: UInt32 = 1,
        userID: UInt32,
        groupID: UInt32,
        size: UInt64,
        accessTime: Timestamp,
        modificationTime: Timestamp,
        changeTime: Timestamp
    ) {
        self.inode = inode
        self.kind = kind
        self.permissions = permissions
        self.linkCount = linkCount
        self.userID = userID
        self.groupID = groupID
        self.size = size
        self.accessTime = accessTime
        self.modificationTime = modificationTime
        self.changeTime = changeTime
    }
}

/// What setattr asks to change; `nil` leaves a field as it is.
package struct AttributeChanges: Sendable, Hashable {
    package enum Time: Sendable, Hashable {
        case now
        case at(Timestamp)
    }

    package var permissions: UInt16?
    package var userID: UInt32?
    package var groupID: UInt32?
    package var size: UInt64?
    package var accessTime: Time?
    package var modificationTime: Time?

    package init() {}
}

/// What statfs(2) shows.
package struct FileSystemStatistics: Sendable, Hashable {
    package var blockSize: UInt64
    package var blocks: UInt64
    package var freeBlocks: UInt64
    package var files: UInt64
    package var freeFiles: UInt64
    package var nameLengthMax: UInt64

    package init(
        blockSize: UInt64,
        blocks: UInt64,
        freeBlocks: UInt64,
        files: UInt64,
        freeFiles: UInt64,
        nameLengthMax: UInt64
    ) {
        self.blockSize = blockSize
        self.blocks = blocks
        self.freeBlocks = freeBlocks
        self.files = files
        self.freeFiles = freeFiles
        self.nameLengthMax = nameLengthMax
    }
}
