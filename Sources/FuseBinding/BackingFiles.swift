import FileSystemModel
internal import Glibc
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

    init(logger: Logger) { self.logger = logger }

    /// Decides how an open is answered, and counts it in.
    func open(_ node: NodeID, _ backing: BackingFile?, isWritable: Bool, device: Int32) -> OpenModes.Decision {
        var id: Int32?
        if let backing, modes.withLock({ $0.wantsBacking(node) }) { id = register(backing, device: device) }
        // Between the two somebody else may have decided the mode; then this registration is not used.
        let decision = modes.withLock {
            $0.open(node, id: id, mayShareBacking: !isWritable || backing != nil)
        }
        if let id, decision != .backed(id: id) { close(id, device: device) }
        if case .backed = decision { backedCount.add(1, ordering: .relaxed) }
        return decision
    }

    /// Opens so far that were answered with a backing file.
    var backedOpens: UInt64 { backedCount.load(ordering: .relaxed) }

    func release(_ node: NodeID, device: Int32) {
        if let id = modes.withLock({ $0.release(node) }) { close(id, device: device) }
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
