/// A name that the kernel may now use: the answer to lookup, mkdir, mknod and symlink.
package struct Entry: Sendable {
    package var node: NodeID
    package var attributes: Attributes
    /// How long the kernel may answer stat from `attributes`.
    package var attributeValidity: Duration
    /// How long the kernel may take the name to mean this node.
    package var entryValidity: Duration

    package init(node: NodeID, attributes: Attributes, attributeValidity: Duration, entryValidity: Duration) {
        self.node = node
        self.attributes = attributes
        self.attributeValidity = attributeValidity
        self.entryValidity = entryValidity
    }
}

/// The answer to lookup: there, or known to be absent for a while.
package enum LookupResult: Sendable {
    case found(Entry)
    /// The kernel answers ENOENT by itself for `validity`. Not counted as a lookup.
    case absent(validity: Duration)
}

/// The answer to getattr and setattr.
package struct AttributesAnswer: Sendable {
    package var attributes: Attributes
    package var validity: Duration

    package init(_ attributes: Attributes, validity: Duration) {
        self.attributes = attributes
        self.validity = validity
    }
}

/// The answer to open and opendir.
package struct Opened: Sendable {
    package var handle: HandleID
    /// Keep the pages that the kernel has of this inode (FOPEN_KEEP_CACHE): right only for the same bytes.
    package var keepsPageCache: Bool
    /// Reads and writes go past the page cache (FOPEN_DIRECT_IO).
    package var isDirect: Bool
    /// A directory whose listing the kernel may keep (FOPEN_CACHE_DIR).
    package var cachesDirectory: Bool
    /// A local file that holds exactly these bytes: where the kernel can (FUSE passthrough), it reads there by itself.
    package var backing: BackingFile?

    package init(
        handle: HandleID,
        keepsPageCache: Bool = false,
        isDirect: Bool = false,
        cachesDirectory: Bool = false,
        backing: BackingFile? = nil
    ) {
        self.handle = handle
        self.keepsPageCache = keepsPageCache
        self.isDirect = isDirect
        self.cachesDirectory = cachesDirectory
        self.backing = backing
    }
}

/// An open descriptor of a complete local copy; it stays open until the handle is released.
package struct BackingFile: Sendable, Hashable {
    package let descriptor: Int32

    package init(descriptor: Int32) { self.descriptor = descriptor }
}

/// The answer to create: the new name and its open handle.
package struct Created: Sendable {
    package var entry: Entry
    package var opened: Opened

    package init(entry: Entry, opened: Opened) {
        self.entry = entry
        self.opened = opened
    }
}

/// The answer to getxattr and listxattr.
package enum ExtendedAttributeAnswer: Sendable {
    /// The caller asked for the size only.
    case size(Int)
    case value([UInt8])
}

/// Nothing but success.
package struct Done: Sendable {
    package init() {}
}

/// Bytes taken (write) or moved (copy_file_range).
package struct ByteCount: Sendable {
    package let value: Int

    package init(_ value: Int) { self.value = value }
}

/// A position in a file (lseek).
package struct FileOffset: Sendable {
    package let value: Int64

    package init(_ value: Int64) { self.value = value }
}

/// Everything that can be answered, in one type for the side that encodes it.
package enum Answer: Sendable {
    case failure(FileSystemError)
    case done
    case lookup(LookupResult)
    case entry(Entry)
    case attributes(AttributesAnswer)
    case opened(Opened)
    case created(Created)
    case count(Int)
    case offset(Int64)
    case link(String)
    case statistics(FileSystemStatistics)
    case extendedAttribute(ExtendedAttributeAnswer)
}

/// A value that one kind of request is answered with.
package protocol Answering: Sendable {
    var answer: Answer { get }
}

extension Done: Answering { package var answer: Answer { .done } }
extension LookupResult: Answering { package var answer: Answer { .lookup(self) } }
extension Entry: Answering { package var answer: Answer { .entry(self) } }
extension AttributesAnswer: Answering { package var answer: Answer { .attributes(self) } }
extension Opened: Answering { package var answer: Answer { .opened(self) } }
extension Created: Answering { package var answer: Answer { .created(self) } }
extension ByteCount: Answering { package var answer: Answer { .count(value) } }
extension FileOffset: Answering { package var answer: Answer { .offset(value) } }
extension String: Answering { package var answer: Answer { .link(self) } }
extension FileSystemStatistics: Answering { package var answer: Answer { .statistics(self) } }
extension ExtendedAttributeAnswer: Answering { package var answer: Answer { .extendedAttribute(self) } }
