import FileSystemModel
internal import Glibc
internal import HandOver
internal import Logging
import Synchronization

/// The backing files that are registered with the kernel (FUSE passthrough), and the rules of `OpenModes`.
final class BackingFiles: Sendable {
    /// `struct fuse_backing_map` of <linux/fuse.h> (7.40).
    private struct Map {
        var descriptor: Int32
        var flags: UInt32 = 0
        var padding: UInt64 = 0
    }

    /// _IOW(229, 1, struct fuse_backing_map) and _IOW(229, 2, uint32_t); Debian 12's header is older.
    private static let openRequest: UInt = 0x4010_E501
    private static let closeRequest: UInt = 0x4004_E502

    private let modes = Mutex(OpenModes())
    private let hasWarned = Atomic(false)
    private let backedCount = Atomic<UInt64>(0)
    private let logger: Logger
    private let survivors: Survivors?

    init(logger: Logger, survivors: Survivors?) {
        self.logger = logger
        self.survivors = survivors
    }

    /// Goes on with the opens of the process before.
    func takeOver() {
        for (node, bytes) in survivors?.entries(.openMode) ?? [] {
            var reader = RecordReader(bytes)
            guard let id = reader.integer(Int32.self), let count = reader.integer(UInt32.self) else { continue }
            modes.withLock { $0.restore(NodeID(rawValue: node), id: id, count: count) }
        }
    }

    /// With the lock of `modes`, so that records follow each other as the changes do.
    private func record(_ node: NodeID, _ modes: OpenModes) {
        guard let survivors else { return }
        guard let record = modes.record(node) else { return survivors.remove(.openMode, node.rawValue) }
        var writer = RecordWriter()
        writer.add(record.id)
        writer.add(record.count)
        survivors.set(.openMode, node.rawValue, writer.bytes)
    }

    /// Decides how an open is answered, and counts it in.
    func open(_ node: NodeID, _ backing: BackingFile?, isWritable: Bool, device: Int32) -> OpenModes.Decision {
        var id: Int32?
        if let backing, modes.withLock({ $0.wantsBacking(node) }) { id = register(backing, device: device) }
        // Between the two somebody else may have decided the mode; then this registration is not used.
        let decision = modes.withLock { modes in
            defer { record(node, modes) }
            return modes.open(node, id: id, mayShareBacking: !isWritable || backing != nil)
        }
        if let id, decision != .backed(id: id) { close(id, device: device) }
        if case .backed = decision { backedCount.add(1, ordering: .relaxed) }
        return decision
    }

    /// Opens so far that were answered with a backing file.
    var backedOpens: UInt64 { backedCount.load(ordering: .relaxed) }

    func release(_ node: NodeID, device: Int32) {
        let unused = modes.withLock { modes in
            defer { record(node, modes) }
            return modes.release(node)
        }
        if let unused { close(unused, device: device) }
    }

    /// `nil`: this file cannot be one (it lies on an overlay: ELOOP); it is then read through this process.
    private func register(_ backing: BackingFile, device: Int32) -> Int32? {
        var map = Map(descriptor: backing.descriptor)
        let id = ioctl(device, Self.openRequest, &map)
        guard id <= 0 else { return id }
        let reason = errno
        if !hasWarned.exchange(true, ordering: .relaxed) {
            logger.warning(
                "the kernel does not take local files as backing files; reads go through this process",
                metadata: ["error": "\(String(cString: strerror(reason)))"]
            )
        }
        return nil
    }

    private func close(_ id: Int32, device: Int32) {
        var id = UInt32(bitPattern: id)
        _ = ioctl(device, Self.closeRequest, &id)
    }
}
