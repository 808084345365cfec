/// What is mounted where, as the kernel tells it in /proc/self/mountinfo.
struct MountTable: Sendable {
    struct Line: Sendable, Equatable {
        /// `MAJOR:MINOR`, the device of all files below.
        var device: String
        var mountPoint: String
        /// `fuse.outputfs` for ours.
        var type: String
        var source: String
    }

    var lines: [Line]

    static let outputFSType = "fuse.outputfs"

    static func current() -> MountTable {
        guard case .success(let bytes) = System.read("/proc/self/mountinfo", limit: 16 << 20) else {
            return MountTable(lines: [])
        }
        return MountTable(parsing: String(decoding: bytes, as: UTF8.self))
    }

    /// proc_pid_mountinfo(5): `36 35 98:0 /root /mnt opts [optional…] - type source superopts`.
    init(parsing text: String) {
        lines = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 2 else { return nil }
            return Line(
                device: String(fields[2]),
                mountPoint: Self.unescaped(fields[4]),
                type: String(fields[dash + 1]),
                source: Self.unescaped(fields[dash + 2])
            )
        }
    }

    private init(lines: [Line]) { self.lines = lines }

    /// What is on top at exactly this path.
    func mount(at path: String) -> Line? { lines.last { $0.mountPoint.utf8.elementsEqual(path.utf8) } }

    /// Our own mounts, in the order in which they were made.
    var ours: [Line] { lines.filter { $0.type == Self.outputFSType } }

    /// Space, tab, newline and backslash are written in octal: `\040`.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
