internal import Glibc

/// One line of /proc/self/mountinfo (proc(5)): what is mounted where.
package struct MountTableEntry: Equatable, Sendable {
    var deviceMajor: UInt32
    /// For FUSE also the connection's number under /sys/fs/fuse/connections.
    var deviceMinor: UInt32
    package var mountPoint: String
    /// `fuse.outputfs` for ours.
    package var type: String
    /// What was mounted; for ours the store's endpoint.
    package var source: String

    /// A mount of this program, whoever made it.
    package var isOutputFS: Bool { type == "fuse." + SessionOptions.subtype }

    var isFuse: Bool { type == "fuse" || type.utf8.starts(with: "fuse.".utf8) || type == "fuseblk" }
    var device: String { "\(deviceMajor):\(deviceMinor)" }

    /// `nil` for a line that is not one.
    init?(line: Substring) {
        // 36 35 98:0 /root /mount/point rw,noatime optional… - type source options
        let fields = line.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count >= 7, let dash = fields.firstIndex(of: "-"), dash + 2 < fields.count else { return nil }
        let numbers = fields[2].split(separator: ":")
        guard numbers.count == 2, let major = UInt32(numbers[0]), let minor = UInt32(numbers[1]) else { return nil }
        deviceMajor = major
        deviceMinor = minor
        mountPoint = Self.unescaped(fields[4])
        type = String(fields[dash + 1])
        source = Self.unescaped(fields[dash + 2])
    }

    /// Blank, tab, newline and backslash stand as \040, \011, \012 and \134.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = field.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3, let value = UInt8(Substring(rest.prefix(3)), radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What this process sees mounted. Asking it sends nothing to any file system, unlike stat(2).
package struct MountTable: Sendable {
    package var entries: [MountTableEntry]

    init(text: String) { entries = text.split(separator: "\n").compactMap { MountTableEntry(line: $0) } }

    package static func current() -> MountTable { MountTable(text: textFile("/proc/self/mountinfo") ?? "") }

    /// The topmost mount at exactly this path, which is absolute and without symbolic links.
    package func topmost(at path: String) -> MountTableEntry? {
        entries.last { $0.mountPoint.utf8.elementsEqual(path.utf8) }
    }
}

/// The contents of a small text file; `nil` if it cannot be read.
func textFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    return withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 1) { buffer in
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
