import BlobStorage
import Synchronization
import Testing

@testable import AzureBlob

/// The transport against a server that misbehaves on purpose.
@Suite(.timeLimit(.minutes(5)))
struct TransportTests {
    private func exchange(
        _ server: ScriptedServer,
        method: HTTPMethod = .get,
        path: String = "/c/b",
        headers: [HTTPHeader] = [],
        body: UploadBody? = nil,
        sink: ResponseSink = .collected(limit: 1 << 20),
        priority: TransferPriority = .foreground,
        stall: Duration = .seconds(600),
        total: Duration = .seconds(600)
    ) -> Exchange {
        Exchange(
            request: HTTPRequest(method: method, url: "http://127.0.0.1:\(server.port)\(path)", headers: headers),
            body: body,
            sink: sink,
            priority: priority,
            timeouts: AttemptTimeouts(connect: .seconds(5), stall: stall, total: total)
        )
    }

    @Test func `keeps connections and sends what it was given`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK", ["ETag: \"0x1\""], body: "hello"))])
        let transport = try #require(Transport(.init()))
        for _ in 0..<3 {
            let result = await transport.send(
                exchange(
                    server,
                    path: "/c/a/../b%2e/./%C3%A9?x=%2F",
                    headers: [HTTPHeader("x-ms-empty", ""), HTTPHeader("A", "b")]
                )
            )
            #expect(result.failure == nil)
            #expect(result.head?.status == 200)
            #expect(result.body == Array("hello".utf8))
            #expect(result.sendCount == 1)
        }
        let received = server.received
        #expect(received.map(\.connection) == [0, 0, 0])
        // Dots and encodings are the caller's: the signature is over the path as sent.
        #expect(received[0].target == "/c/a/../b%2e/./%C3%A9?x=%2F")
        #expect(received[0].headers["x-ms-empty"] == "")
        #expect(received[0].headers["a"] == "b")
        #expect(received[0].headers["accept-encoding"] == nil)
    }

    @Test(arguments: [0, 1, 70_000, 3_000_000])
    func `sends bodies with their length and nothing to wait for`(count: Int) async throws {
        let server = try ScriptedServer([.answer(answer("201 Created"))])
        let transport = try #require(Transport(.init()))
        let bytes = pattern(count)
        let result = await transport.send(
            exchange(server, method: .put, headers: [HTTPHeader("Content-Length", "\(count)")], body: UploadBody(bytes))
        )
        #expect(result.failure == nil)
        #expect(result.uploadedCount == count)
        let received = try #require(server.received.first)
        #expect(received.method == "PUT")
        #expect(received.body == bytes)
        #expect(received.headers["content-length"] == "\(count)")
        #expect(received.headers["expect"] == nil)
        #expect(received.headers["transfer-encoding"] == nil)
    }

    @Test func `HEAD has a length and no body`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK", length: 12_345))])
        let transport = try #require(Transport(.init()))
        let result = await transport.send(exchange(server, method: .head))
        #expect(result.failure == nil)
        #expect(result.head?.contentLength == 12_345)
        #expect(server.received[0].method == "HEAD")
    }

    @Test func `follows no redirect`() async throws {
        let server = try ScriptedServer([.answer(answer("302 Found", ["Location: http://127.0.0.1:1/evil"]))])
        let transport = try #require(Transport(.init()))
        let result = await transport.send(exchange(server))
        #expect(result.head?.status == 302)
        #expect(server.received.count == 1)
    }

    @Test func `decodes no stored encoding`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK", ["Content-Encoding: gzip"], body: "not gzip"))])
        let transport = try #require(Transport(.init()))
        #expect(await transport.send(exchange(server)).body == Array("not gzip".utf8))
    }

    @Test func `tells a body that was cut short from one that is complete`() async throws {
        let server = try ScriptedServer([
            .answerAndClose(Array(answer("200 OK", body: "12345", length: 10).utf8)),
            .answerAndClose([]),
            .answerAndReset(Array(answer("200 OK", body: "12345", length: 10).utf8)),
        ])
        let transport = try #require(Transport(.init()))
        let cut = await transport.send(exchange(server))
        #expect(cut.failure == .cutShort)
        #expect(cut.body == Array("12345".utf8))
        #expect(cut.sendCount == 1)
        let nothing = await transport.send(exchange(server))
        #expect(nothing.failure == .cutShort)
        #expect(nothing.head == nil)
        let reset = await transport.send(exchange(server))
        guard case .network = reset.failure else {
            Issue.record("\(String(describing: reset.failure))")
            return
        }
    }

    @Test func `knows that nothing was sent where nobody listens`() async throws {
        let server = try ScriptedServer([.close])
        let port = server.port
        let transport = try #require(Transport(.init()))
        var refused = exchange(server)
        refused.request.url = "http://127.0.0.1:1/\(port)"
        let result = await transport.send(refused)
        guard case .network = result.failure else {
            Issue.record("\(String(describing: result.failure))")
            return
        }
        #expect(result.sendCount == 0)
    }

    @Test func `gives up on a server that stalls`() async throws {
        let server = try ScriptedServer([.answerAndStall(Array(answer("200 OK", body: "12345", length: 10).utf8))])
        let transport = try #require(Transport(.init()))
        let result = await transport.send(exchange(server, stall: .seconds(1)))
        guard case .network(let reason) = result.failure else {
            Issue.record("\(String(describing: result.failure))")
            return
        }
        #expect(reason.contains("too slow"))
        #expect(result.sendCount == 1)
    }

    @Test func `gives up when the attempt's time is over`() async throws {
        let server = try ScriptedServer([.stall])
        let transport = try #require(Transport(.init()))
        let result = await transport.send(exchange(server, total: .milliseconds(200)))
        guard case .network = result.failure else {
            Issue.record("\(String(describing: result.failure))")
            return
        }
    }

    @Test func `stops a server that sends more than it may`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK", body: String(repeating: "x", count: 1000)))])
        let transport = try #require(Transport(.init()))
        let result = await transport.send(exchange(server, sink: .collected(limit: 999)))
        #expect(result.failure == .tooLong)
    }

    @Test func `counts that libcurl repeated a request over a new connection`() async throws {
        let server = try ScriptedServer { request, index in
            // The second request finds its kept connection closed without a word.
            index == 1 ? .close : .answer(answer("200 OK"))
        }
        let transport = try #require(Transport(.init()))
        #expect(await transport.send(exchange(server)).sendCount == 1)
        let second = await transport.send(exchange(server, method: .delete))
        #expect(second.failure == nil)
        #expect(second.sendCount == 2)
        #expect(server.received.map(\.method) == ["GET", "DELETE", "DELETE"])
    }

    @Test func `sends the body again from its start when libcurl repeats the request`() async throws {
        let server = try ScriptedServer { _, index in index == 1 ? .close : .answer(answer("201 Created")) }
        let transport = try #require(Transport(.init()))
        _ = await transport.send(exchange(server))
        let bytes = pattern(10_000)
        let result = await transport.send(exchange(server, method: .put, body: UploadBody(bytes)))
        #expect(result.failure == nil)
        #expect(server.received.dropFirst().map(\.body) == [bytes, bytes])
    }

    @Test func `a body that cannot be read ends the transfer`() async throws {
        let server = try ScriptedServer([.answer(answer("201 Created"))])
        let transport = try #require(Transport(.init()))
        let body = UploadBody(byteCount: 1 << 20, checksum: .none) { offset, buffer in offset == 0 ? 10 : nil }
        let result = await transport.send(exchange(server, method: .put, body: body))
        #expect(result.failure == .localInput)
    }

    @Test func `cancelling ends a transfer that is under way, and one that waits`() async throws {
        let server = try ScriptedServer([.stall])
        let transport = try #require(Transport(.init(connectionsMax: 1)))
        let first = Task { await transport.send(exchange(server)) }
        while server.received.isEmpty { await Task.yield() }
        let second = Task { await transport.send(exchange(server)) }
        second.cancel()
        #expect(await second.value.failure == .cancelled)
        first.cancel()
        #expect(await first.value.failure == .cancelled)
        #expect(server.received.count == 1)
    }

    @Test func `ends everything when it goes`() async throws {
        let server = try ScriptedServer([.stall])
        var transport = Transport(.init(connectionsMax: 1))
        let results = Mutex<[TransportFailure?]>([])
        for _ in 0..<2 {
            transport?.start(exchange(server)) { result in results.withLock { $0.append(result.failure) } }
        }
        while server.received.isEmpty { await Task.yield() }
        transport = nil
        while results.withLock({ $0.count }) < 2 { await Task.yield() }
        #expect(results.withLock { $0 } == [.cancelled, .cancelled])
    }

    @Test func `uses no more connections than it may`() async throws {
        let server = try ScriptedServer { _, _ in
            .pieces([Array(answer("200 OK", length: 4).utf8), Array("body".utf8)])
        }
        let transport = try #require(Transport(.init(connectionsMax: 3)))
        await withTaskGroup(of: ExchangeResult.self) { group in
            for index in 0..<24 {
                let exchange = exchange(server, priority: index.isMultiple(of: 2) ? .foreground : .background)
                group.addTask { await transport.send(exchange) }
            }
            for await result in group {
                #expect(result.failure == nil)
                #expect(result.body == Array("body".utf8))
            }
        }
        #expect(server.received.count == 24)
        #expect(Set(server.received.map(\.connection)).count <= 3)
    }

    @Test func `takes the head behind 100 Continue`() async throws {
        let text = "HTTP/1.1 100 Continue\r\nx-old: 1\r\n\r\n" + answer("200 OK", ["x-new: 2"])
        let server = try ScriptedServer([.answer(text)])
        let transport = try #require(Transport(.init()))
        let head = try #require(await transport.send(exchange(server)).head)
        #expect(head.status == 200)
        #expect(head["x-old"] == nil)
        #expect(head["x-new"] == "2")
    }
}
