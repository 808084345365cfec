import Synchronization

/// How much of a file the kernel asked for to keep it in its pages: what this process knows of them. A new version is
/// another node, and has none.
struct PagesRead: ~Copyable, Sendable {
    private let count = Atomic<UInt64>(0)

    /// The kernel asks for so many bytes.
    func note(_ bytes: Int) { count.wrappingAdd(UInt64(bytes), ordering: .relaxed) }

    /// Whether most of a file of this length is in the kernel's pages: at least half was asked for, and not yet half of it
    /// a second time, as when they had to make room.
    func hold(mostOf length: UInt64) -> Bool {
        let bytes = count.load(ordering: .relaxed)
        return bytes >= length / 2 && bytes < length + length / 2
    }
}
