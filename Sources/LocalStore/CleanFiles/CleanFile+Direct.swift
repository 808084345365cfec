internal import Glibc
internal import Synchronization

/// Writing past the page cache (O_DIRECT), for bytes that come faster than it takes them.
///
/// A page that the kernel must find first costs a copy and, in a virtual machine whose host takes free pages back, up to
/// 5 s per GiB; the disk itself took the same bytes at 1.5 to 2.2 GB/s for next to no processor time. What goes this way is
/// read from the disk by its next reader, so it is for those who are behind.
extension CleanFile {
    enum DirectFile: Sendable {
        case unopened
        case open(OpenFile)
        /// This file system does not have it.
        case unavailable
    }

    private static let pageSize = 4_096

    /// A part of it that counts, an eighth, was written so by this process.
    var isPastPageCache: Bool { directBytes.load(ordering: .relaxed) > length / 8 }

    /// Writes all of it. Needs the lock of changes.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, isDirect: Bool) throws(LocalStoreError) {
        let count = isDirect ? try writePages(bytes, at: offset) : 0
        try data.write(UnsafeRawBufferPointer(rebasing: bytes[count...]), at: offset + UInt64(count))
    }

    /// Says how many bytes from the start it wrote: whole pages, or none where that does not work.
    private func writePages(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(LocalStoreError) -> Int {
        let count = bytes.count / Self.pageSize * Self.pageSize
        guard count > 0, Int(bitPattern: bytes.baseAddress) % Self.pageSize == 0, let file = try directFile() else {
            return 0
        }
        do {
            try file.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: offset)
            directBytes.wrappingAdd(UInt64(count), ordering: .relaxed)
            return count
        } catch {
            guard error.errno == EINVAL else { throw error }
            direct.withLock { $0 = .unavailable }
            return 0
        }
    }

    private func directFile() throws(LocalStoreError) -> OpenFile? {
        switch direct.withLock({ $0 }) {
        case .open(let file): return file
        case .unavailable: return nil
        case .unopened: break
        }
        let file = try? store.folder.open(name.path(.data), isDirect: true)
        guard let file, try file.status().inode == data.status().inode else {
            direct.withLock { $0 = .unavailable }
            return nil
        }
        direct.withLock { $0 = .open(file) }
        return file
    }
}
