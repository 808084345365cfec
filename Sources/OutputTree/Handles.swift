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
        /// What an earlier process gave out, by the request that it was for: the kernel may not have heard of it.
        var restored: [UInt64: HandleID] = [:]
        var next: UInt64
    }

    private let state: Mutex<State>
    private let survivors: Survivors?

    init(survivors: Survivors? = nil) {
        self.survivors = survivors
        state = Mutex(State(next: (survivors?.mark(.handle) ?? 0) + 1))
    }

    /// - Parameter request: the number of the open that it is the answer to.
    func insert(_ handle: FileHandle, for request: UInt64) -> HandleID {
        state.withLock { state in
            let id = newID(&state)
            state.files[id] = handle
            survivors?.set(handle: id, of: handle.node.id, handle.flags, isBacked: handle.isBacked, for: request)
            return id
        }
    }

    func insert(_ handle: DirectoryHandle, for request: UInt64) -> HandleID {
        state.withLock { state in
            let id = newID(&state)
            state.directories[id] = handle
            survivors?.set(handle: id, of: handle.node.id, nil, isBacked: false, for: request)
            return id
        }
    }

    private func newID(_ state: inout State) -> HandleID {
        defer { state.next += 1 }
        survivors?.raise(.handle, to: state.next)
        return HandleID(rawValue: state.next)
    }

    /// What an earlier process gave to the kernel, or was about to.
    func restore(_ id: HandleID, _ handle: FileHandle, for request: UInt64) {
        state.withLock { state in
            state.files[id] = handle
            if request != 0 { state.restored[request] = id }
        }
    }
    func restore(_ id: HandleID, _ handle: DirectoryHandle, for request: UInt64) {
        state.withLock { state in
            state.directories[id] = handle
            if request != 0 { state.restored[request] = id }
        }
    }

    /// The handle that an earlier process made for this request. The kernel, which sends it again, has not heard of it,
    /// and would never release it.
    func takeUnheard(_ request: UInt64) -> HandleID? { state.withLock { $0.restored.removeValue(forKey: request) } }

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
