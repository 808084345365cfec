import BlobReading
import FileSystemModel
import HandOver
import Synchronization

/// One open(2) of a file.
final class FileHandle: Sendable {
    let node: FileNode
    let flags: OpenFlags
    /// Where this handle's reads went, for read-ahead.
    let stream = ReadStream()
    /// The kernel serves it from a local copy.
    let isBacked: Bool
    /// What was written through it went with the process that had it: everything but closing it fails.
    let isLost: Bool

    init(node: FileNode, flags: OpenFlags, isBacked: Bool, isLost: Bool = false) {
        self.node = node
        self.flags = flags
        self.isBacked = isBacked
        self.isLost = isLost
    }
}

/// Open files and directories by the number that the kernel holds.
final class HandleTable: Sendable {
    private struct State {
        var files: [HandleID: FileHandle] = [:]
        var directories: [HandleID: DirectoryHandle] = [:]
        var next: UInt64
    }

    private let state: Mutex<State>
    private let survivors: Survivors?

    init(survivors: Survivors? = nil) {
        self.survivors = survivors
        state = Mutex(State(next: (survivors?.mark(.handle) ?? 0) + 1))
    }

    func insert(_ handle: FileHandle) -> HandleID {
        state.withLock { state in
            let id = newID(&state)
            state.files[id] = handle
            survivors?.set(handle: id, of: handle.node.id, handle.flags, isBacked: handle.isBacked)
            return id
        }
    }

    func insert(_ handle: DirectoryHandle) -> HandleID {
        state.withLock { state in
            let id = newID(&state)
            state.directories[id] = handle
            survivors?.set(handle: id, of: handle.node.id, nil, isBacked: false)
            return id
        }
    }

    private func newID(_ state: inout State) -> HandleID {
        defer { state.next += 1 }
        survivors?.raise(.handle, to: state.next)
        return HandleID(rawValue: state.next)
    }

    /// What an earlier process gave to the kernel.
    func restore(_ id: HandleID, _ handle: FileHandle) { state.withLock { $0.files[id] = handle } }
    func restore(_ id: HandleID, _ handle: DirectoryHandle) { state.withLock { $0.directories[id] = handle } }

    func file(_ id: HandleID) -> FileHandle? { state.withLock { $0.files[id] } }
    func directory(_ id: HandleID) -> DirectoryHandle? { state.withLock { $0.directories[id] } }
    func removeFile(_ id: HandleID) -> FileHandle? {
        survivors?.remove(.handle, id.rawValue)
        return state.withLock { $0.files.removeValue(forKey: id) }
    }
    func removeDirectory(_ id: HandleID) {
        survivors?.remove(.handle, id.rawValue)
        state.withLock { _ = $0.directories.removeValue(forKey: id) }
    }
    var count: Int { state.withLock { $0.files.count + $0.directories.count } }
}
