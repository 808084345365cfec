import BlobStorage
import Glibc
import Synchronization
import Testing

@testable import AzureBlob

/// What a transport does with connections that die, a machine that sleeps, and rates that it must keep.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionTests {
    private func exchange(
        _ server: ScriptedServer,
        path: String = "/c/b",
        body: UploadBody? = nil,
        priority: TransferPriority = .foreground
    ) -> Exchange {
        Exchange(
            request: HTTPRequest(
                method: body == nil ? .get : .put,
                url: "http://127.0.0.1:\(server.port)\(path)",
                headers: []
            ),
            body: body,
            sink: .collected(limit: 64 << 20),
            priority: priority,
            timeouts: AttemptTimeouts(connect: .seconds(5), stall: .seconds(50), total: .seconds(600))
        )
    }

    /// Time that a test moves; sleep is apart from it.
    private final class Clock: Sendable {
        let state = Mutex((now: Duration.seconds(1), asleep: Duration.zero))
        var clock: TransportClock {
            TransportClock(now: { self.state.withLock { $0.now } }, asleep: { self.state.withLock { $0.asleep } })
        }
    }

    @Test func `what is under way when the machine sleeps ends as over a dead connection, and the next is new`()
        async throws
    {
        let server = try ScriptedServer { _, index in index == 0 ? .stall : .answer(answer("200 OK")) }
        let clock = Clock()
        let transport = try #require(Transport(.init(clock: clock.clock)))
        let first = Task { await transport.send(exchange(server)) }
        while server.received.isEmpty { await Task.yield() }
        clock.state.withLock { $0.asleep = .seconds(7200) }
        // Whatever wakes the loop.
        transport.perform {}
        let slept = await first.value
        #expect(slept.wasDeadConnection && slept.failure == .network("the machine slept"))
        #expect(slept.sendCount == 1)
        #expect(await transport.send(exchange(server)).failure == nil)
        #expect(server.received.map(\.connection) == [0, 1])
    }

    @Test func `a connection that was kept over a sleep is not used again`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK"))])
        let clock = Clock()
        let transport = try #require(Transport(.init(clock: clock.clock)))
        #expect(await transport.send(exchange(server)).failure == nil)
        #expect(await transport.send(exchange(server)).failure == nil)
        #expect(server.received.map(\.connection) == [0, 0])
        clock.state.withLock { $0.asleep = .seconds(7200) }
        // libcurl counts a connection's age in whole seconds.
        try await Task.sleep(for: .milliseconds(2100))
        #expect(await transport.send(exchange(server)).failure == nil)
        #expect(server.received.map(\.connection) == [0, 0, 1])
    }

    /// Where libcurl tries again by itself.
    @Test func `a call over a dead kept connection goes on at once and keeps its tries`() async throws {
        let server = try ScriptedServer { _, index in index == 1 ? .reset : .answer(answer("200 OK", versionHeaders)) }
        let time = ManualTime()
        let store = try AzureBlobStore.scripted(server, surroundings: time.surroundings())
        _ = try await store.properties(of: someBlob)
        _ = try await store.properties(of: someBlob)
        #expect(time.slept.isEmpty)
        #expect(server.received.map(\.connection) == [0, 0, 1])
        #expect(store.counters.failures == 0)
    }

    @Test func `a second dead connection is a failure like others`() async throws {
        let server = try ScriptedServer { _, index in
            (1...2).contains(index) ? .reset : .answer(answer("200 OK", versionHeaders))
        }
        let time = ManualTime()
        let store = try AzureBlobStore.scripted(server, surroundings: time.surroundings())
        _ = try await store.properties(of: someBlob)
        _ = try await store.properties(of: someBlob)
        #expect(time.slept.count == 1)
        #expect(server.received.count == 4)
    }

    @Test func `a ranged read over a dead connection goes on, too`() async throws {
        let bytes = pattern(1000)
        let whole = Array(
            answer("206 Partial Content", versionHeaders + ["Content-Range: bytes 0-999/1000"], length: 1000).utf8
        )
        let server = try ScriptedServer { _, index in index == 1 ? .reset : .answerBytes(whole + bytes) }
        let time = ManualTime()
        let store = try AzureBlobStore.scripted(server, surroundings: time.surroundings())
        for _ in 0..<2 { #expect(try await store.readBytes(someBlob, 0..<1000).bytes == bytes) }
        #expect(time.slept.isEmpty)
        #expect(server.received.map(\.connection) == [0, 0, 1])
    }

    @Test func `a request that comes too early waits until it is its turn`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK"))])
        let clock = Clock()
        var options = Transport.Options(clock: clock.clock)
        options.network.rates.requests = 10
        let transport = try #require(Transport(options))
        #expect(await transport.send(exchange(server)).failure == nil)
        let result = Mutex<ExchangeResult?>(nil)
        let second = transport.start(exchange(server)) { answer in result.withLock { $0 = answer } }
        // The loop goes round and finds no room, however often it is woken.
        for _ in 0..<20 {
            let isWaiting = await withCheckedContinuation { continuation in
                transport.perform { continuation.resume(returning: second.handle == nil && !second.hasEnded) }
            }
            #expect(isWaiting)
        }
        clock.state.withLock { $0.now += .milliseconds(101) }
        transport.perform {}
        while result.withLock({ $0 }) == nil { await Task.yield() }
        #expect(result.withLock { $0?.failure } == nil)
        #expect(server.received.count == 2)
    }

    @Test(arguments: [false, true])
    func `a body goes no further than its rate, either way`(isUpload: Bool) async throws {
        let bytes = pattern(1 << 20)
        let server = try ScriptedServer([
            isUpload
                ? .answer(answer("201 Created")) : .answerBytes(Array(answer("200 OK", length: 1 << 20).utf8) + bytes)
        ])
        let clock = Clock()
        var options = Transport.Options(clock: clock.clock)
        options.network.rates = RateLimits(download: 256 << 10, upload: 256 << 10)
        let transport = try #require(Transport(options))
        let moved = Mutex(0)
        let body = UploadBody(byteCount: bytes.count, checksum: .none) { offset, room in
            let count = min(room.count, bytes.count - offset)
            room.copyBytes(from: bytes[offset..<offset + count])
            moved.withLock { $0 += count }
            return count
        }
        let transfer = exchange(server, body: isUpload ? body : nil)
        let task = Task { await transport.send(transfer) }
        if isUpload {
            // With time standing still the first piece goes out, and what one turn is more than there was.
            while moved.withLock({ $0 }) == 0 { await Task.yield() }
            for _ in 0..<50 {
                await withCheckedContinuation { done in transport.perform { done.resume() } }
            }
            #expect(moved.withLock { $0 } <= 64 << 10)
        }
        // A second of that clock for every 256 KiB: four of them are not enough for the first 26 KiB less.
        let isDone = Mutex(false)
        let ticking = Task {
            while !isDone.withLock({ $0 }) {
                clock.state.withLock { $0.now += .milliseconds(10) }
                await withCheckedContinuation { done in transport.perform { done.resume() } }
            }
        }
        let result = await task.value
        isDone.withLock { $0 = true }
        await ticking.value
        #expect(result.failure == nil)
        #expect(isUpload ? server.received.first?.body == bytes : result.body == bytes)
        #expect(clock.state.withLock { $0.now } >= .milliseconds(4_500))
    }

    @Test func `streams that share a rate all arrive, whole`() async throws {
        let bytes = pattern(300_000)
        let server = try ScriptedServer([.answerBytes(Array(answer("200 OK", length: 300_000).utf8) + bytes)])
        var options = Transport.Options()
        options.network.rates.download = 4 << 20
        let transport = try #require(Transport(options))
        await withTaskGroup(of: ExchangeResult.self) { group in
            for index in 0..<12 {
                let exchange = exchange(server, priority: index.isMultiple(of: 3) ? .foreground : .background)
                group.addTask { await transport.send(exchange) }
            }
            for await result in group {
                #expect(result.failure == nil)
                #expect(result.body == bytes)
            }
        }
    }

    @Test func `a transfer that is cancelled while it is held back leaves the line`() async throws {
        let server = try ScriptedServer([.answerBytes(Array(answer("200 OK", length: 1 << 20).utf8) + pattern(1 << 20))]
        )
        let clock = Clock()
        var options = Transport.Options(clock: clock.clock)
        options.network.rates.download = 64 << 10
        let transport = try #require(Transport(options))
        let task = Task { await transport.send(exchange(server)) }
        while server.received.isEmpty { await Task.yield() }
        for _ in 0..<50 {
            await withCheckedContinuation { done in transport.perform { done.resume() } }
        }
        task.cancel()
        #expect(await task.value.failure == .cancelled)
    }

    @Test func `what is in the way is known by its name`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK"))])
        let transport = try #require(Transport(.init()))
        var elsewhere = exchange(server)
        elsewhere.request.url = "http://nosuchhost.invalid/"
        #expect(await transport.send(elsewhere).obstacle == .unknownHost)
        elsewhere.request.url = "http://127.0.0.1:1/"
        #expect(await transport.send(elsewhere).obstacle == .unreachable)
    }

    @Test(arguments: [401, 403, 407, 502])
    func `a proxy that refuses is told from a store that does`(status: Int) async throws {
        let proxy = try ScriptedServer([.answer(answer("\(status) No", ["x-of-proxy: 1"]))])
        var options = Transport.Options()
        options.network.proxies.secure = try Proxy("http://me:word@127.0.0.1:\(proxy.port)")
        let transport = try #require(Transport(options))
        var through = exchange(proxy)
        through.request.url = "https://store.example/c"
        let result = await transport.send(through)
        #expect(result.obstacle == .proxy([401, 407].contains(status) ? .credentials : .refused(status: status)))
        #expect(result.obstacle?.isPermanent == (status < 500))
        // The proxy's answer is not the store's, and nothing went to the store.
        #expect(result.head == nil && result.sendCount == 0)
        let asked = try #require(proxy.received.first)
        #expect(asked.method == "CONNECT" && asked.target == "store.example:443")
        #expect(asked.headers["proxy-authorization"] == "Basic bWU6d29yZA==")
    }

    @Test func `an address of six bytes a part is an endpoint, too`() throws {
        let endpoint = try BlobEndpoint("http://[::1]:10000/acc")
        #expect(endpoint.isPathStyle && endpoint.description == "http://[::1]:10000/acc")
    }
}
