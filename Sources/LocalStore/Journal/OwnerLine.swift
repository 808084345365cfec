internal import Glibc
internal import Synchronization

/// Whose a folder is, as its file `owner` says: to be on the disk before anything in the folder is called safe there.
///
/// Made safe with the first entry that is, and not when it is written: that would be on the way of a program's first write.
final class OwnerLine: Sendable {
    private let folder: String
    private let isSafe = Atomic<Bool>(false)

    init(folder: String) { self.folder = folder }

    /// The line and the folder's name to the disk, once. The folder's own names are the caller's.
    func synchronize(_ gate: FileGate) throws(LocalStoreError) {
        guard !isSafe.load(ordering: .acquiring) else { return }
        for path in ["\(folder)/owner", "\(folder)/.."] {
            if let number = gate.refusal(.fsync) {
                throw LocalStoreError(errno: number, operation: "fsync", path: path)
            }
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw LocalStoreError(errno: errno, operation: "open", path: path) }
            defer { close(descriptor) }
            guard fsync(descriptor) == 0 else { throw LocalStoreError(errno: errno, operation: "fsync", path: path) }
            gate.synchronized?(path)
        }
        isSafe.store(true, ordering: .releasing)
    }
}
