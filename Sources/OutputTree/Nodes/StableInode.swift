import BlobStorage
import OutputConventions

/// `st_ino`: the same for the same name on every mount and after every remount. The one exception is a file that others
/// replaced while this mount knew it (`NodeTableState.lookUp`).
///
/// FNV-1a over the bytes of a blob's address or a directory's place. The kernel's node ids are numbers of their own
/// and never derived from it, so that a collision of two names (1 in 2^64 per pair) confuses nobody but `find -inum`.
struct StableInode {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func append(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    /// What follows is another part: `a`, `bc` has another number than `ab`, `c`.
    mutating func endPart() { hash = (hash ^ 0xFF) &* 0x100_0000_01b3 }

    /// 0 means "no inode" to many programs, 1 is the root.
    var number: UInt64 { hash > 1 ? hash : hash &+ 2 }

    /// The root's number by tradition.
    static let root: UInt64 = 1

    static func number(_ parts: String...) -> UInt64 {
        var inode = StableInode()
        for part in parts {
            inode.append(part.utf8)
            inode.endPart()
        }
        return inode.number
    }

    /// The number of a blob up to the end of `prefix`, with which its name begins.
    init(blobsIn container: String, below prefix: String) {
        append("blob".utf8)
        endPart()
        append(container.utf8)
        endPart()
        append(prefix.utf8)
    }

    init() {}

    static func number(of address: BlobAddress) -> UInt64 { number("blob", address.container, address.name) }

    static func number(of place: TreePlace) -> UInt64 {
        switch place {
        case .root: root
        case .selfLink: number("self")
        case .view(let view): number("view", view.rawValue)
        case .container(let view, let container): number("directory", view.rawValue, container, "")
        case .tasks(let container): number("tasks", container)
        case .task(let container, let task): number("task", container, task)
        case .folder(let view, let container, let prefix): number("directory", view.rawValue, container, prefix)
        case .gathered(let place): number("gathered", place.view.rawValue, place.container, place.path)
        case .file(_, let container, let name): number(of: BlobAddress(container: container, name: name))
        }
    }
}
