package import FileSystemModel
internal import Glibc
internal import Synchronization
import SystemPackage
internal import Testing

/// A kernel in small, in front of any `FileSystem`: walks paths name by name, keeps count of lookups and forgets, and
/// asks again once when told ESTALE, as Linux does.
///
/// It has neither a name cache nor a page cache: every call asks the file system. What a call looked up it forgets at
/// its end, except for open files, which is harder on node lifetimes than a real kernel is; or, if it keeps names, at
/// `forgetAll`, as a kernel with much memory does.
package final class TreeFiles: FileOperations {
    /// One open file; several descriptors may share it.
    final class OpenFile: Sendable {
        let node: NodeID
        let handle: HandleID
        let flags: Int32
        /// Where the kernel reads by itself.
        let backing: LocalFile?
        let position = Mutex<UInt64>(0)

        init(node: NodeID, handle: HandleID, flags: Int32, backing: LocalFile? = nil) {
            self.node = node
            self.handle = handle
            self.flags = flags
            self.backing = backing
        }

        var access: Int32 { flags & O_ACCMODE }
    }

    private struct State {
        var caller: Caller
        var number: UInt64 = 0
        /// Lookups that were counted and not forgotten.
        var lookups: [NodeID: UInt64] = [:]
        var open: [Int32: OpenFile] = [:]
        /// Each open file once, however many descriptors it has.
        var files: [OpenFile] {
            open.values.reduce(into: []) { files, file in
                if !files.contains(where: { $0 === file }) { files.append(file) }
            }
        }
        var nextDescriptor: Int32 = 3
        var listings = 0
        var passthroughReads = 0
    }

    let fileSystem: any FileSystem
    let sink = KernelSink()
    let keepsNames: Bool
    private let usesPassthrough: Bool
    private let state: Mutex<State>

    /// Requests are made in the name of this process.
    package init(fileSystem: any FileSystem, keepsNames: Bool = false, usesPassthrough: Bool = false) {
        self.fileSystem = fileSystem
        self.keepsNames = keepsNames
        let caller = Caller(userID: geteuid(), groupID: getegid(), processID: getpid(), umask: 0o022)
        state = Mutex(State(caller: caller))
        self.usesPassthrough = usesPassthrough
        fileSystem.start(KernelCapabilities(passthrough: usesPassthrough))
    }

    /// Who asks from now on.
    package var caller: Caller {
        get { state.withLock { $0.caller } }
        set { state.withLock { $0.caller = newValue } }
    }

    /// What the next requests are called, until it is set again.
    package var requestNumber: UInt64 {
        get { state.withLock { $0.number } }
        set { state.withLock { $0.number = newValue } }
    }

    /// Requests that wait for an answer now.
    package var waitingCount: Int { sink.waitingCount }
    /// Interrupts every request that waits, as Ctrl-C does.
    package func interruptAll() { sink.interruptAll() }

    /// Lookups that the kernel would have to give back before an unmount; none when no file is open.
    package var heldLookups: UInt64 { state.withLock { $0.lookups.values.reduce(0, +) } }

    package var openCount: Int { state.withLock { $0.open.count } }

    // MARK: Lookups

    func count(_ entry: Entry) { state.withLock { $0.lookups[entry.node, default: 0] += 1 } }

    func forget(_ node: NodeID) {
        let wasKnown = state.withLock { state -> Bool in
            guard let count = state.lookups[node], count > 0 else { return false }
            state.lookups[node] = count == 1 ? nil : count - 1
            return true
        }
        guard wasKnown else {
            Issue.record("the suite's kernel forgets node \(node.rawValue) once too often")
            return
        }
        fileSystem.forget(node, count: 1)
    }

    /// Memory is short: every name is forgotten that no open file needs.
    package func forgetAll() {
        let forgotten = state.withLock { state in
            var forgotten = state.lookups
            for file in state.files { forgotten[file.node] = forgotten[file.node].map { $0 - 1 } }
            for (node, count) in forgotten {
                let left = state.lookups[node, default: 0] - count
                state.lookups[node] = left == 0 ? nil : left
            }
            return forgotten.filter { $0.value > 0 }
        }
        for (node, count) in forgotten { fileSystem.forget(node, count: count) }
    }

    /// Every other listing asks for attributes, too (readdirplus), and pages hold 1 to 7 entries, as it comes.
    func nextListing() -> (capacity: Int, wantsEntries: Bool) {
        state.withLock { state in
            state.listings += 1
            return (state.listings % 7 + 1, state.listings.isMultiple(of: 2))
        }
    }

    // MARK: Descriptors

    func install(_ file: OpenFile) -> Int32 {
        state.withLock { state in
            defer { state.nextDescriptor += 1 }
            state.open[state.nextDescriptor] = file
            return state.nextDescriptor
        }
    }

    func openFile(_ descriptor: Int32) throws(Errno) -> OpenFile {
        guard let file = state.withLock({ $0.open[descriptor] }) else { throw .badFileDescriptor }
        return file
    }

    /// An open is answered. As in Linux, all opens of a node read from one place: the first one's.
    func install(_ opened: Opened, of node: NodeID, _ flags: Int32) -> Int32 {
        let existing = state.withLock { $0.open.values.first { $0.node == node } }
        var backing = existing?.backing
        if existing == nil, usesPassthrough { backing = opened.backing.map { LocalFile(copying: $0.descriptor) } }
        if backing != nil, flags & O_ACCMODE != O_RDONLY {
            Issue.record("a writer would write into the local copy of a committed version")
        }
        return install(OpenFile(node: node, handle: opened.handle, flags: flags, backing: backing))
    }

    /// Reads that the file system was not asked for.
    package var passthroughReads: Int { state.withLock { $0.passthroughReads } }

    func notePassthroughRead() { state.withLock { $0.passthroughReads += 1 } }

    /// Takes the descriptor away; says whether it was the last one of its open file.
    func uninstall(_ descriptor: Int32) -> Bool {
        state.withLock { state in
            guard let file = state.open.removeValue(forKey: descriptor) else { return false }
            return !state.open.values.contains { $0 === file }
        }
    }

    // MARK: Asking

    /// Makes one request and waits for its answer.
    func ask<Value: Answering>(
        _: Value.Type,
        _ start: (consuming Request<Value>) -> Void
    ) throws(Errno) -> Answer {
        let (caller, number) = state.withLock { ($0.caller, $0.number) }
        let reply = sink.ask { token in
            start(Request<Value>(token, caller: caller, number: number, sink: sink))
        }
        guard case .answer(let answer) = reply else { throw .ioError }
        if case .failure(let error) = answer {
            guard (1..<4096).contains(error.errno) else {
                Issue.record("\(error) is no errno")
                throw .ioError
            }
            throw Errno(rawValue: error.errno)
        }
        return answer
    }

    func askRead(_ start: (consuming ReadRequest) -> Void) throws(Errno) -> [UInt8] {
        let caller = caller
        switch sink.ask({ token in start(ReadRequest(token, caller: caller, sink: sink)) }) {
        case .bytes(let bytes): return bytes
        case .answer(.failure(let error)): throw Errno(rawValue: error.errno)
        case .answer(let answer):
            Issue.record("a read was answered with \(answer)")
            throw .ioError
        }
    }

    func unexpected(_ answer: Answer) -> Errno {
        Issue.record("an answer of the wrong kind: \(answer)")
        return .ioError
    }
}
