import FileSystemModel
import Glibc
import Synchronization
import Testing

@testable import FuseBinding

/// FUSE_INTERRUPT at every moment that it can come.
@Suite(.timeLimit(.minutes(5)))
struct InterruptTests {
    /// A file system whose reads wait, end with EINTR when interrupted, and are held for the test.
    private func waiting(_ held: Held<PendingRead>) -> ScriptedFileSystem {
        ScriptedFileSystem { script in
            script.read = { request, _ in
                let pending = request.pending()
                pending.onInterrupt { pending.fail(FileSystemError(errno: EINTR, "interrupted")) }
                held.put(pending)
            }
        }
    }

    /// One reader, so that messages are taken in the order in which they were sent.
    private var oneReader: SessionOptions {
        var options = SessionOptions(mountPoint: "/nowhere", fsName: "test")
        options.readerThreads = 1
        return options
    }

    private static func interrupt(_ peer: KernelPeer, _ unique: UInt64) throws {
        // The kernel sets bit 0 in an interrupt's own number.
        try peer.send(.interrupt, node: 0, unique: unique | 1, [.long(unique)])
    }

    @Test func `a caller that is gone ends the call with EINTR`() throws {
        let held = Held<PendingRead>()
        let peer = try KernelPeer(waiting(held))
        let unique = try peer.send(.read, caller: deadCaller, KernelPeer.reading(size: 1))
        let pending = try #require(held.take())
        try Self.interrupt(peer, unique)
        #expect(try peer.receive(unique).error == -EINTR)
        #expect(!pending.fail(FileSystemError(errno: EIO, "too late")))
    }

    @Test func `an interrupt may overtake its request`() throws {
        let held = Held<PendingRead>()
        let peer = try KernelPeer(waiting(held), options: oneReader)
        try Self.interrupt(peer, 1000)
        try peer.send(.read, unique: 1000, caller: deadCaller, KernelPeer.reading(size: 1))
        #expect(try peer.receive(1000).error == -EINTR)
    }

    @Test func `an interrupt that comes before the handler is registered is not lost`() throws {
        let held = Held<PendingRead>()
        let peer = try KernelPeer(
            ScriptedFileSystem { script in script.read = { request, _ in held.put(request.pending()) } },
            options: oneReader
        )
        let unique = try peer.send(.read, caller: deadCaller, KernelPeer.reading(size: 1))
        let pending = try #require(held.take())
        try Self.interrupt(peer, unique)
        #expect(try peer.ask(.lookup, [.name("a")]).error == -ENOENT)  // the interrupt has been taken in
        pending.onInterrupt { pending.fail(FileSystemError(errno: EINTR, "interrupted")) }
        #expect(try peer.receive(unique).error == -EINTR)
    }

    @Test func `a caller that only met a harmless signal waits on, and is looked at again`() throws {
        let held = Held<PendingRead>()
        let peer = try KernelPeer(waiting(held))
        // This very process: alive, and nothing pending.
        let unique = try peer.send(.read, KernelPeer.reading(size: 1))
        let pending = try #require(held.take())
        try Self.interrupt(peer, unique)
        usleep(150_000)
        #expect(peer.session.requestsInFlight == 1)
        let isOurs = [UInt8(7)].withUnsafeBytes { only in
            [only].withUnsafeBufferPointer { pending.succeed($0) }
        }
        #expect(isOurs)
        #expect(try peer.receive(unique).body == [7])
    }

    @Test func `an interrupt for an unknown request, or for one that was answered, is harmless`() throws {
        let peer = try KernelPeer(ScriptedFileSystem(), options: oneReader)
        let answered = try peer.send(.lookup, [.name("a")])
        #expect(try peer.receive(answered).error == -ENOENT)
        try Self.interrupt(peer, answered)
        try Self.interrupt(peer, 12346)
        for _ in 0..<5 { #expect(try peer.ask(.lookup, [.name("a")]).error == -ENOENT) }
    }

    @Test func `interrupts cancel the task of a request that answers later`() async throws {
        try await offPool {
            let peer = try KernelPeer(
                ScriptedFileSystem { script in
                    script.lookup = { request, _ in
                        request.later { () throws(FileSystemError) in
                            while !Task.isCancelled { await Task.yield() }
                            throw FileSystemError(errno: EINTR, "cancelled")
                        }
                    }
                }
            )
            let unique = try peer.send(.lookup, caller: deadCaller, [.name("a")])
            try Self.interrupt(peer, unique)
            #expect(try peer.receive(unique).error == -EINTR)
        }
    }

    @Test func `under a storm of interrupts each request is answered once`() async throws {
        try await offPool {
            let peer = try KernelPeer(
                ScriptedFileSystem { script in
                    script.lookup = { request, name in
                        // Some answer inline, some from a task that races with its interrupt.
                        if name.string.utf8.count % 2 == 0 { return request.succeed(.absent(validity: .zero)) }
                        request.later { () throws(FileSystemError) in
                            await Task.yield()
                            return .absent(validity: .zero)
                        }
                    }
                }
            )
            var waiting: Set<UInt64> = []
            for round in 0..<2000 {
                let unique = try peer.send(.lookup, caller: deadCaller, [.name(round % 2 == 0 ? "even" : "odd")])
                waiting.insert(unique)
                try Self.interrupt(peer, unique)
                // The socket holds a bounded number of messages.
                if round % 20 == 19 {
                    while !waiting.isEmpty {
                        let reply = try peer.receive()
                        if reply.unique & 1 == 1 { continue }  // libfuse's EAGAIN: the interrupt found nothing
                        #expect(waiting.remove(reply.unique) != nil)
                        #expect(reply.error == -ENOENT)
                    }
                }
            }
            #expect(peer.session.requestsInFlight == 0)
        }
    }
}

struct PendingSignalsTests {
    private func mask(_ signals: Int32...) -> UInt64 { signals.reduce(0) { $0 | 1 << UInt64($1 - 1) } }

    private func signals(
        pending: UInt64,
        blocked: UInt64 = 0,
        ignored: UInt64 = 0,
        caught: UInt64 = 0
    ) -> PendingSignals {
        PendingSignals(pending: pending, blocked: blocked, ignored: ignored, caught: caught)
    }

    @Test func `the masks of /proc status are read`() {
        let status = """
            Name:\tcat
            State:\tD (disk sleep)
            SigQ:\t1/96157
            SigPnd:\t0000000000000100
            ShdPnd:\t0000000000000002
            SigBlk:\t0000000000010000
            SigIgn:\t0000000000001000
            SigCgt:\t0000000180000002
            CapEff:\t000001ffffffffff
            """
        #expect(
            PendingSignals(status: status)
                == signals(pending: 0x102, blocked: 0x10000, ignored: 0x1000, caught: 0x1_8000_0002)
        )
    }

    @Test func `a process that is being killed does not wait`() {
        #expect(signals(pending: mask(SIGKILL)).endsCall)
        #expect(signals(pending: mask(SIGKILL), blocked: .max, ignored: .max, caught: .max).endsCall)
        #expect(signals(pending: mask(SIGTERM)).endsCall)
        #expect(signals(pending: mask(SIGQUIT)).endsCall)
    }

    @Test func `SIGINT ends a call, handled or not, unless it is blocked or ignored`() {
        #expect(signals(pending: mask(SIGINT)).endsCall)
        #expect(signals(pending: mask(SIGINT), caught: mask(SIGINT)).endsCall)
        #expect(!signals(pending: mask(SIGINT), blocked: mask(SIGINT)).endsCall)
        #expect(!signals(pending: mask(SIGINT), ignored: mask(SIGINT)).endsCall)
    }

    @Test(arguments: [SIGPROF, SIGURG, SIGCHLD, SIGTERM, SIGUSR1, SIGALRM])
    func `other handled signals do not end a call`(signal: Int32) {
        #expect(!signals(pending: mask(signal), caught: mask(signal)).endsCall)
    }

    @Test(arguments: [SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP])
    func `signals that nobody would die of do not end a call`(signal: Int32) {
        #expect(!signals(pending: mask(signal)).endsCall)
    }

    @Test func `a thread is asked only if it can be found`() {
        #expect(!callerGaveUp(0))
        #expect(!callerGaveUp(getpid()))
        #expect(callerGaveUp(deadCaller))
    }
}
