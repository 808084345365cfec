internal import CFuse3
import Synchronization

/// How many requests came, by opcode.
final class RequestCounters: Sendable {
    /// The names of <linux/fuse.h> in small letters, by opcode.
    private static let names: [Int: String] = [
        1: "lookup", 2: "forget", 3: "getattr", 4: "setattr", 5: "readlink", 6: "symlink", 8: "mknod", 9: "mkdir",
        10: "unlink", 11: "rmdir", 12: "rename", 13: "link", 14: "open", 15: "read", 16: "write", 17: "statfs",
        18: "release", 20: "fsync", 21: "setxattr", 22: "getxattr", 23: "listxattr", 24: "removexattr", 25: "flush",
        26: "init", 27: "opendir", 28: "readdir", 29: "releasedir", 30: "fsyncdir", 34: "access", 35: "create",
        36: "interrupt", 38: "destroy", 39: "ioctl", 40: "poll", 42: "batch_forget", 43: "fallocate",
        44: "readdirplus", 45: "rename2", 46: "lseek", 47: "copy_file_range", 50: "syncfs", 51: "tmpfile",
        52: "statx",
    ]

    private let counts = InlineArray<64, Atomic<UInt64>> { _ in Atomic(0) }

    func count(opcode: UInt32) {
        counts[Int(min(opcode, 63))].add(1, ordering: .relaxed)
    }

    /// Those that came at all.
    var byName: [String: UInt64] {
        var byName: [String: UInt64] = [:]
        for opcode in counts.indices {
            let count = counts[opcode].load(ordering: .relaxed)
            if count > 0 { byName[Self.names[opcode] ?? "opcode \(opcode)"] = count }
        }
        return byName
    }
}
