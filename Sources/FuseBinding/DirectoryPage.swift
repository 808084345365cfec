internal import CFuse3
import FileSystemModel
internal import Glibc
import Synchronization

/// The buffer of one READDIR or READDIRPLUS, filled in the kernel's own layout.
///
/// Entries with a node count as looked up once the kernel has them. Those of a page that never reaches it (an error
/// after some were added, a reply that was aborted) are given back by `forget`.
final class DirectoryPage: DirectoryBuffer {
    let wantsEntries: Bool
    private let dispatcher: Dispatcher
    private let token: RequestToken

    private struct State: ~Copyable {
        /// `nil` once answered.
        var bytes: UnsafeMutableRawBufferPointer?
        var used = 0
        var nodes: [NodeID] = []

        deinit { bytes?.deallocate() }
    }

    private let state: Mutex<State>

    init(_ arrival: Arrival, size: Int, wantsEntries: Bool) {
        dispatcher = arrival.dispatcher
        token = arrival.token
        self.wantsEntries = wantsEntries
        nonisolated(unsafe) let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        state = Mutex(State(bytes: bytes))
    }

    func add(_ entry: DirectoryEntry) -> Bool {
        state.withLock { state in
            guard let bytes = state.bytes, let end = bytes.baseAddress?.advanced(by: state.used) else { return false }
            let room = bytes.count - state.used
            let needed = append(entry, to: end.assumingMemoryBound(to: CChar.self), room: room)
            guard needed <= room else { return false }
            state.used += needed
            if wantsEntries, let node = entry.entry?.node { state.nodes.append(node) }
            return true
        }
    }

    /// What the entry takes up; nothing was written if that is more than `room`.
    private func append(_ entry: DirectoryEntry, to end: UnsafeMutablePointer<CChar>, room: Int) -> Int {
        let name = entry.name.string
        // libfuse does not look at the request.
        guard wantsEntries else {
            var stat = stat()
            stat.st_ino = UInt(entry.inode)
            stat.st_mode = entry.kind.typeBits
            return fuse_add_direntry(nil, end, room, name, &stat, Int(clamping: entry.nextOffset))
        }
        // Node 0: a name without a node, which is neither looked up nor counted.
        var parameters = entry.entry?.parameters ?? fuse_entry_param()
        parameters.attr.st_ino = UInt(entry.inode)
        parameters.attr.st_mode = parameters.attr.st_mode & 0o7777 | entry.kind.typeBits
        return fuse_add_direntry_plus(nil, end, room, name, &parameters, Int(clamping: entry.nextOffset))
    }

    func finish() {
        guard let taken = take() else { return }
        nonisolated(unsafe) let bytes = taken.bytes
        defer { bytes.deallocate() }
        let isDelivered = dispatcher.inFlight.remove(token).map {
            fuse_reply_buf($0.request.raw, bytes.baseAddress, taken.used) == 0
        }
        if isDelivered != true { forget(taken.nodes) }
    }

    func fail(_ error: FileSystemError) {
        guard let taken = take() else { return }
        taken.bytes.deallocate()
        dispatcher.answer(token, .failure(error))
        forget(taken.nodes)
    }

    func onInterrupt(_ handler: @escaping @Sendable () -> Void) { dispatcher.onInterrupt(token, handler) }

    private func take() -> (bytes: UnsafeMutableRawBufferPointer, used: Int, nodes: [NodeID])? {
        state.withLock { state in
            guard let bytes = state.bytes else { return nil }
            state.bytes = nil
            nonisolated(unsafe) let taken = bytes
            return (taken, state.used, state.nodes)
        }
    }

    private func forget(_ nodes: [NodeID]) {
        for node in nodes { dispatcher.fileSystem.forget(node, count: 1) }
    }
}
