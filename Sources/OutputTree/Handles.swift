import BlobReading
import FileSystemModel
import Synchronization

/// One open(2) of a file.
final class FileHandle: Sendable {
    let node: FileNode
    let flags: OpenFlags
    /// Where this handle's reads went, for read-ahead.
    let stream = ReadStream()
    /// The kernel serves it from a local copy.
    let isBacked: Bool

    init(node: FileNode, flags: OpenFlags, isBacked: Bool) {
        self.node = node
        self.flags = flags
        self.isBacked = isBacked
    }
}

/// Open files and directories by the number that the kernel holds.
final class HandleTable: Sendable {
    private struct State {
        var files: [HandleID: FileHandle] = [:]
        var directories: [HandleID: DirectoryHandle] = [:]
        var next: UInt64 = 1

        mutating func newID() -> HandleID {
            defer { next += 1 }
            return HandleID(rawValue: next)
        }
    }

    private let state = Mutex(State())

    func insert(_ handle: FileHandle) -> HandleID {
        state.withLock { state in
            let id = state.newID()
            state.files[id] = handle
            return id
        }
    }

    func insert(_ handle: DirectoryHandle) -> HandleID {
        state.withLock { state in
            let id = state.newID()
            state.directories[id] = handle
            return id
        }
    }

    func file(_ id: HandleID) -> FileHandle? { state.withLock { $0.files[id] } }
    func directory(_ id: HandleID) -> DirectoryHandle? { state.withLock { $0.directories[id] } }
    func removeFile(_ id: HandleID) -> FileHandle? { state.withLock { $0.files.removeValue(forKey: id) } }
    func removeDirectory(_ id: HandleID) { state.withLock { _ = $0.directories.removeValue(forKey: id) } }
    var count: Int { state.withLock { $0.files.count + $0.directories.count } }
}
