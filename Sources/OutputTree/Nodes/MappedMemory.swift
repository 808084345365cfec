import Glibc

/// Zeroed memory straight from the system: what was never touched costs nothing, and all of it goes back at once.
///
/// Blocks of malloc's would stay with the process: one small block in use above them keeps all that is free below.
struct MappedMemory: ~Copyable {
    let base: UnsafeMutableRawPointer
    /// In bytes.
    let count: Int

    init(count: Int) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let base = mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0),
            base != UnsafeMutableRawPointer(bitPattern: -1)
        else { preconditionFailure("no \(count) bytes of memory for nodes: errno \(errno)") }
        self.base = base
        self.count = count
    }

    deinit { munmap(base, count) }
}
