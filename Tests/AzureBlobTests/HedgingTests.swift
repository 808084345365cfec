import BlobStorage
import Glibc
import Synchronization
import Testing

@testable import AzureBlob

@Suite struct HedgePolicyTests {
    @Test func `patience is four times what is usual, and never less than the least`() {
        var policy = HedgePolicy()
        #expect(policy.patience == .seconds(1))
        for _ in 0..<100 { policy.noteAnswer(after: .milliseconds(20)) }
        #expect(policy.patience == .seconds(1))
        for _ in 0..<100 { policy.noteAnswer(after: .milliseconds(500)) }
        #expect(policy.patience == .seconds(2))
        // A few slow ones are no reason to wait longer.
        for _ in 0..<100 { policy.noteAnswer(after: .milliseconds(10)) }
        for _ in 0..<8 { policy.noteAnswer(after: .seconds(9)) }
        #expect(policy.patience == .seconds(1))
    }

    @Test func `a store that never answers gets few second requests, one that does gets one in twenty`() {
        var policy = HedgePolicy()
        var granted = 0
        for _ in 0..<1_000 where policy.takeCredit() { granted += 1 }
        #expect(granted == 4)
        granted = 0
        for _ in 0..<1_000 {
            policy.noteAnswer(after: .milliseconds(20))
            if policy.takeCredit() { granted += 1 }
        }
        #expect(granted == 50)
    }
}

@Suite struct ReceiveBufferTests {
    @Test(arguments: [(212_992, false), (4 << 20, true), (64 << 20, true), (nil, false)])
    func `a size of our own is asked for only where the kernel grants all of it`(limit: Int?, isAllowed: Bool) {
        #expect(ReceiveBuffer.isAllowed(limit: limit) == isAllowed)
    }
}

/// The transport against a server that hangs on some connections.
@Suite(.timeLimit(.minutes(5)))
struct HedgingTests {
    private final class Outcome: Sendable {
        let result = Mutex<ExchangeResult?>(nil)
        let hedges = Atomic(0)
    }

    private func send(
        _ server: ScriptedServer,
        _ transport: Transport,
        priority: TransferPriority = .foreground,
        into outcome: Outcome,
        isHedged: Bool = true
    ) -> Transfer {
        var exchange = Exchange(
            request: HTTPRequest(method: .get, url: "http://127.0.0.1:\(server.port)/c/b", headers: []),
            sink: .collected(limit: 1 << 20),
            priority: priority,
            timeouts: AttemptTimeouts(connect: .seconds(5), stall: .seconds(3_600), total: .seconds(3_600))
        )
        if isHedged { exchange.onHedge = { outcome.hedges.add(1, ordering: .relaxed) } }
        return transport.start(exchange) { result in outcome.result.withLock { $0 = result } }
    }

    private func transport() throws -> Transport {
        try #require(Transport(.init(connectionsMax: 4, hedging: HedgePolicy(patienceMin: .milliseconds(40)))))
    }

    private func wait(_ outcome: Outcome) async -> ExchangeResult {
        while true {
            if let result = outcome.result.withLock({ $0 }) { return result }
            await Task.yield()
        }
    }

    @Test(arguments: [[UInt8](), Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe".utf8)])
    func `an answer that stalls is asked for again, and the second one counts`(before: [UInt8]) async throws {
        let server = try ScriptedServer { _, index in
            index == 0 ? .answerAndStall(before) : .answer(answer("200 OK", body: "hello"))
        }
        let transport = try transport()
        let outcome = Outcome()
        _ = send(server, transport, into: outcome)
        let result = await wait(outcome)
        #expect(result.failure == nil)
        #expect(result.body == Array("hello".utf8))
        #expect(server.received.count == 2)
        #expect(outcome.hedges.load(ordering: .relaxed) == 1)
    }

    @Test func `a refusal of the second request does not end the first`() async throws {
        let wasRefused = Atomic(false)
        let server = try ScriptedServer { _, index in
            guard index == 0 else {
                wasRefused.store(true, ordering: .releasing)
                return .answer(refusal("503 Service Unavailable", "ServerBusy"))
            }
            while !wasRefused.load(ordering: .acquiring) { usleep(1_000) }
            return .answer(answer("200 OK", body: "hello"))
        }
        let transport = try transport()
        let outcome = Outcome()
        _ = send(server, transport, into: outcome)
        let result = await wait(outcome)
        #expect(result.failure == nil)
        #expect(result.body == Array("hello".utf8))
    }

    @Test func `when the first ends without an answer the second may still bring it`() async throws {
        let wasAsked = Atomic(false)
        let server = try ScriptedServer { _, index in
            guard index == 0 else {
                wasAsked.store(true, ordering: .releasing)
                // The first connection is closed by now, or soon; the answer comes all the same.
                usleep(20_000)
                return .answer(answer("200 OK", body: "hello"))
            }
            while !wasAsked.load(ordering: .acquiring) { usleep(1_000) }
            return .reset
        }
        let transport = try transport()
        let outcome = Outcome()
        _ = send(server, transport, into: outcome)
        #expect(await wait(outcome).body == Array("hello".utf8))
    }

    @Test func `cancelling ends both`() async throws {
        let server = try ScriptedServer([.stall])
        let transport = try transport()
        let outcome = Outcome()
        let transfer = send(server, transport, into: outcome)
        while server.received.count < 2 { await Task.yield() }
        transport.cancel(transfer)
        #expect(await wait(outcome).failure == .cancelled)
        #expect(server.received.count == 2)
    }

    @Test func `the transport's end ends both`() async throws {
        let server = try ScriptedServer([.stall])
        var transport: Transport? = try transport()
        let outcome = Outcome()
        if let transport { _ = send(server, transport, into: outcome) }
        while server.received.count < 2 { await Task.yield() }
        transport = nil
        #expect(await wait(outcome).failure == .cancelled)
    }

    @Test func `what nobody waits for is not asked for twice, until it is raised`() async throws {
        let server = try ScriptedServer { _, index in
            index == 0 ? .stall : .answer(answer("200 OK", body: "hello"))
        }
        let transport = try transport()
        let outcome = Outcome()
        let ahead = send(server, transport, priority: .background, into: outcome)
        while server.received.isEmpty { await Task.yield() }
        // Others come and go meanwhile, longer than the patience.
        for _ in 0..<10 {
            let other = Outcome()
            _ = send(server, transport, into: other, isHedged: false)
            #expect(await wait(other).failure == nil)
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(outcome.hedges.load(ordering: .relaxed) == 0)
        transport.raise(ahead)
        #expect(await wait(outcome).body == Array("hello".utf8))
        #expect(outcome.hedges.load(ordering: .relaxed) == 1)
    }

    @Test func `a verified range comes through although its first request hangs`() async throws {
        let content = pattern(100_000)
        let server = try ScriptedServer { _, index in
            let head = answer(
                "206 Partial Content",
                [
                    "Content-Range: bytes 0-99999/100000", "ETag: \"0x1\"",
                    "Last-Modified: Wed, 11 Nov 2026 09:00:00 GMT",
                ],
                length: content.count
            )
            let bytes = Array(head.utf8) + content
            return index == 0 ? .answerAndStall(Array(bytes.prefix(60_000))) : .answerBytes(bytes)
        }
        let store = try AzureBlobStore.scripted(server)
        let read = try await store.readBytes(someBlob, 0..<100_000)
        #expect(read.bytes == content)
        #expect(store.counters.hedges == 1)
        #expect(store.counters.requests == [.getBlob: 2])
        #expect(store.counters.retries == 0)
    }
}

/// What cancelling does to a transfer whose body is nearly there.
@Suite(.timeLimit(.minutes(5)))
struct NearlyCompleteTests {
    @Test(arguments: [true, false])
    func `a cancelled range of which little is missing is let come, any other is cut`(isLittle: Bool) async throws {
        let body = pattern(isLittle ? 1_000_000 : 2_000_000)
        let head = answer(
            "206 Partial Content",
            [
                "Content-Range: bytes 0-\(body.count - 1)/\(body.count)", "ETag: \"0x1\"",
                "Last-Modified: Wed, 11 Nov 2026 09:00:00 GMT",
            ],
            length: body.count
        )
        let start = Array(head.utf8) + body[..<10]
        let server = try ScriptedServer([isLittle ? .pieces([start, Array(body[10...])]) : .answerAndStall(start)])
        let store = try AzureBlobStore.scripted(server)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: body.count, alignment: 16)
        defer { memory.deallocate() }
        let hasBegun = Atomic(false)
        let outcome = Mutex<Result<BlobReadResult, StorageError>?>(nil)
        let operation = store.read(
            BlobRead(
                blob: someBlob,
                range: 0..<UInt64(body.count),
                condition: .any,
                verification: .none,
                destination: memory,
                onProgress: { _ in hasBegun.store(true, ordering: .releasing) }
            )
        ) { result in outcome.withLock { $0 = result } }
        while !hasBegun.load(ordering: .acquiring) { await Task.yield() }
        operation.cancel()
        while outcome.withLock({ $0 == nil }) { await Task.yield() }
        switch outcome.withLock({ $0 }) {
        case .success(let result): #expect(isLittle && result.byteCount == body.count)
        case .failure(let error): #expect(!isLittle && error.kind == .cancelled)
        case nil: Issue.record("no outcome")
        }
    }
}
