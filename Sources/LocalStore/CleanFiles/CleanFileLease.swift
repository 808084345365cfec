internal import Glibc

/// A clean file that stays whole while this lives: byte for byte the blob, for the kernel to read from.
package final class CleanFileLease: Sendable {
    /// Open for reading only; closed with the lease.
    package let descriptor: Int32
    /// The file's size, bytes.
    package let length: UInt64

    init(descriptor: Int32, length: UInt64) {
        self.descriptor = descriptor
        self.length = length
    }

    deinit { close(descriptor) }
}
