internal import Glibc
import SystemPackage

/// A backing file as the kernel holds it: it stays open whatever becomes of the descriptor that was registered.
final class LocalFile: Sendable {
    private let descriptor: Int32

    init(copying other: Int32) { descriptor = dup(other) }

    deinit { close(descriptor) }

    func read(_ count: Int, at offset: UInt64) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = Glibc.pread(descriptor, &bytes, count, off_t(offset))
        guard read >= 0 else { throw Errno(rawValue: errno) }
        return Array(bytes[..<read])
    }
}
