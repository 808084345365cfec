internal import Glibc

/// The memory that a thread reads requests into: it must be there before one comes.
///
/// A process that is killed while the kernel copies a request to it takes the request along: where a page is still to be
/// made at that moment, the kernel refuses to make one for who is about to end, gives up copying, and the program gets
/// EIO (fs/fuse/dev.c, `fuse_dev_do_read`). Into pages that are there it copies to the end, and the request is sent again to
/// whoever follows. A request has up to 257 pages; all of them were still to be made in each thread of a process that
/// had just begun.
final class RequestMemory: Sendable {
    /// Where each thread's memory is that was looked after.
    private let known = ThreadNumber()

    /// To be called before each read into it; a few nanoseconds but for the first time, which takes some 100 µs.
    func makePresent(_ start: UnsafeMutableRawPointer, count: Int) {
        let address = UInt(bitPattern: start)
        guard known.value != UInt64(address) else { return }
        let pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))
        let first = address & ~(pageSize - 1)
        let end = (address + UInt(count) + pageSize - 1) & ~(pageSize - 1)
        // Linux before 5.14 cannot; it cannot send again either.
        _ = madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), Self.populateForWriting)
        known.set(UInt64(address))
    }

    /// MADV_POPULATE_WRITE, which Debian 12's headers have and older ones have not.
    private static let populateForWriting: Int32 = 23
}
