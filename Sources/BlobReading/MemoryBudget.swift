internal import Glibc

/// How much memory reading takes when nobody says it: little, and less where there is little.
package enum MemoryBudget {
    /// The most that is taken unasked, and the least that reading works with, in bytes.
    package static let standard = 256 << 20
    package static let least = 32 << 20

    /// An eighth of what this process may have: a task node's memory is the task's.
    ///
    /// - Parameters:
    ///   - cgroupMax: the limit of the process's control group, in bytes; `nil` if it has none.
    ///   - physical: the machine's memory in bytes.
    package static func `default`(cgroupMax: UInt64?, physical: UInt64) -> Int {
        let available = min(cgroupMax ?? .max, physical)
        return max(least, Int(min(UInt64(standard), available / 8)))
    }

    /// What applies to this process.
    package static var current: Int {
        let physical = UInt64(max(sysconf(Int32(_SC_PHYS_PAGES)), 0)) * UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 0))
        return `default`(cgroupMax: ControlGroup.memoryMax(), physical: physical)
    }

    /// Why this much is unwise within a control group; `nil` if it is not.
    package static func concern(_ memory: Int, cgroupMax: UInt64?) -> String? {
        guard let cgroupMax, UInt64(memory) > cgroupMax / 2 else { return nil }
        return "--memory takes \(memory >> 20) MiB of the \(cgroupMax >> 20) MiB that this control group may have"
    }
}

/// What the process's control group may have, by version 2 of that interface or by version 1.
package enum ControlGroup {
    /// The smallest limit of the group and those above it, in bytes; `nil` without one.
    ///
    /// - Parameters:
    ///   - membership: the text of /proc/self/cgroup; read from there if `nil`.
    ///   - root: where the hierarchies are mounted.
    package static func memoryMax(membership: String? = nil, root: String = "/sys/fs/cgroup") -> UInt64? {
        guard let membership = membership ?? text(of: "/proc/self/cgroup") else { return nil }
        var limits: [UInt64] = []
        for line in membership.split(separator: "\n") {
            // Number, controllers, path: "0::/user.slice" is version 2, "9:memory:/docker/1a2b" version 1.
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            if fields[0] == "0", fields[1].isEmpty {
                limits += limitsUpwards(from: fields[2], in: root, file: "memory.max")
            } else if fields[1].split(separator: ",").contains("memory") {
                limits += limitsUpwards(from: fields[2], in: root + "/memory", file: "memory.limit_in_bytes")
            }
        }
        return limits.min()
    }

    /// A container sees its own group as the root, though its path may be that of the host: what is not there is passed
    /// over.
    private static func limitsUpwards(from path: Substring, in root: String, file: String) -> [UInt64] {
        var limits: [UInt64] = []
        var names = path.split(separator: "/")
        while true {
            let place = ([Substring(root)] + names + [Substring(file)]).joined(separator: "/")
            // "max", or in version 1 a number near 2^63, is no limit.
            let digits = text(of: place).map { $0.prefix { $0.isNumber } }
            if let limit = digits.flatMap({ UInt64($0) }), limit < 1 << 62 { limits.append(limit) }
            guard names.popLast() != nil else { return limits }
        }
    }

    private static func text(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            return count >= 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
        }
    }
}
