/// `st_ino`: the same for the same name on every mount and after every remount. The one exception is a file that others
/// replaced while this mount knew it (`NodeTable`).
///
/// FNV-1a over the bytes of a blob's address or a directory's place. The kernel's node ids are a counter of their own
/// and never derived from it, so that a collision of two names (1 in 2^64 per pair) confuses nobody but `find -inum`.
enum StableInode {
    /// The root's number by tradition.
    static let root: UInt64 = 1

    static func number(_ parts: String...) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for part in parts {
            for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0xFF) &* 0x100_0000_01b3
        }
        // 0 means "no inode" to many programs, 1 is the root.
        return hash > 1 ? hash : hash &+ 2
    }
}
