/// How bytes go into local files.
package enum LocalWrites {
    /// What one write(2) takes at most.
    ///
    /// The kernel gives a long write pages that lie together, up to 2 MiB of them, and in a virtual machine those are just the
    /// ones that its host has taken back while they were free: 1 GiB into fresh page cache cost 2.6 s of processor time in
    /// writes of 4 MiB, 1.0 s in writes of 1 MiB, and 0.3 s in writes of 256 KiB down to 64 KiB.
    package static let stepByteCount = 256 << 10

    /// What is to be written next when `count` bytes of it are.
    package static func next(of bytes: UnsafeRawBufferPointer, after count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[count..<min(bytes.count, count + stepByteCount)])
    }
}
