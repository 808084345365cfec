internal import Glibc

/// A process that keeps a mount busy.
struct MountHolder: Codable, Sendable, Equatable {
    var processID: Int32
    /// `comm`, at most 15 bytes.
    var name: String
    /// What it holds there: `cwd`, `root`, `exe`, or an open file's path.
    var reason: String

    var description: String { "\(name) (\(processID)): \(reason)" }
}

/// Says who holds a mount, when the kernel only says EBUSY. Looks at links in /proc, never at the mount itself: that
/// could hang.
enum MountHolders {
    /// Processes that this user may look at; as a rule their own.
    static func find(below mountPoint: String) -> [MountHolder] {
        processIDs().compactMap { holder($0, mountPoint) }
    }

    private static func holder(_ processID: Int32, _ mountPoint: String) -> MountHolder? {
        let process = "/proc/\(processID)"
        guard let reason = reason(process, mountPoint) else { return nil }
        guard case .success(let comm) = System.read("\(process)/comm") else { return nil }
        let name = String(decoding: comm.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return MountHolder(processID: processID, name: name, reason: reason)
    }

    private static func reason(_ process: String, _ mountPoint: String) -> String? {
        for link in ["cwd", "root", "exe"] {
            guard let target = target(of: "\(process)/\(link)"), Path.isInside(target, mountPoint) else { continue }
            return link == "cwd" ? "works in \(target)" : "\(link) is \(target)"
        }
        for descriptor in System.names(in: "\(process)/fd") {
            guard let target = target(of: "\(process)/fd/\(descriptor)"), Path.isInside(target, mountPoint) else {
                continue
            }
            return "has \(target) open"
        }
        return nil
    }

    private static func processIDs() -> [Int32] { System.names(in: "/proc").compactMap { Int32($0) }.sorted() }

    private static func target(of link: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink(link, $0.assumingMemoryBound(to: CChar.self), bytes.count) } ?? -1
        }
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
