internal import CLinux
internal import Glibc
internal import Synchronization

/// Memory without a name that lives as long as somebody holds its descriptor: a keeper does, for those that write it.
///
/// A head of atomic words, then two regions for one log: `Survivors` writes to one and moves to the other. What was
/// never touched takes no memory.
struct SharedMemory: ~Copyable, Sendable {
    /// The words of the head.
    enum Word: Int {
        /// What the memory holds; 0 in memory that was just made.
        case format
        /// Which region counts (the highest bit) and how many bytes of it: they change together.
        case end
        /// Something could not be recorded: what is here is not all.
        case isIncomplete
        case highestNode
        case highestHandle
    }

    static let regionSize = 1 << 30
    private static let headSize = 4096

    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private let descriptor: Int32

    /// `nil` with errno set. The descriptor stays the caller's, and must stay open.
    init?(mapping descriptor: Int32) {
        let size = Self.headSize + 2 * Self.regionSize
        guard ftruncate(descriptor, size) == 0,
            let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0),
            base != UnsafeMutableRawPointer(bitPattern: -1)
        else { return nil }
        self.base = base
        self.descriptor = descriptor
    }

    deinit { munmap(base, Self.headSize + 2 * Self.regionSize) }

    func load(_ word: Word) -> UInt64 { pointer(word).pointee.load(ordering: .acquiring) }
    func store(_ value: UInt64, in word: Word) { pointer(word).pointee.store(value, ordering: .releasing) }

    func region(_ number: Int) -> UnsafeMutableRawPointer { base + Self.headSize + number * Self.regionSize }

    /// Makes room that is there: touching memory that the system does not have would end the process.
    func reserve(_ range: Range<Int>, of region: Int) -> Bool {
        fallocate(descriptor, 0, Self.headSize + region * Self.regionSize + range.lowerBound, range.count) == 0
    }

    /// Gives a region's memory back.
    func clear(_ region: Int, upTo end: Int) {
        let mode = Int32(clinux_falloc_punch_hole | clinux_falloc_keep_size)
        _ = fallocate(descriptor, mode, Self.headSize + region * Self.regionSize, end)
    }

    private func pointer(_ word: Word) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (base + word.rawValue * 8).assumingMemoryBound(to: Atomic<UInt64>.self)
    }
}
