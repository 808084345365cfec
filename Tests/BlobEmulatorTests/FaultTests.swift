import Foundation
import Testing

@testable import BlobEmulator

@Suite(.timeLimit(.minutes(5)))
struct FaultTests {
    private let server: TestServer

    init() throws {
        server = try TestServer(allowsControl: true)
        try server.makeContainer()
        try server.put("/jobs/a", String(repeating: "0123456789", count: 20_000))
    }

    @Test
    func `rules skip, count and match by operation and name`() throws {
        server.emulator.faults.add(
            FaultRule(
                .status(503, code: "ServerBusy", retryAfter: 7),
                operation: "Get Blob",
                blob: "a*",
                skip: 1,
                times: 2
            )
        )
        var statuses: [Int] = []
        for _ in 0..<4 { statuses.append(try server.request("GET", "/jobs/a").status) }
        #expect(statuses == [200, 503, 503, 200])
        #expect(try server.request("HEAD", "/jobs/a").status == 200)
    }

    @Test
    func `an error may come with a delay the client is told of`() throws {
        server.emulator.faults.add(FaultRule(.status(503, code: "ServerBusy", retryAfter: 7)))
        let answer = try server.request("GET", "/jobs/a")
        #expect(answer.code == "ServerBusy")
        #expect(answer.headers["retry-after"] == "7")
    }

    @Test
    func `an error before the work leaves no trace, one after it does`() throws {
        server.emulator.faults.replace(with: [
            FaultRule(.status(500, code: "OperationTimedOut"), operation: "Put Blob", blob: "before"),
            FaultRule(.status(500, code: "OperationTimedOut", applied: true), operation: "Put Blob", blob: "after"),
        ])
        #expect(try server.put("/jobs/before", "x").status == 500)
        #expect(try server.put("/jobs/after", "x").status == 500)
        #expect(try server.request("HEAD", "/jobs/before").status == 404)
        #expect(try server.request("HEAD", "/jobs/after").status == 200)
    }

    @Test
    func `connections are reset before and after the work`() throws {
        server.emulator.faults.replace(with: [
            FaultRule(.reset(.beforeApplying), operation: "Put Blob", blob: "before"),
            FaultRule(.reset(.afterApplying), operation: "Put Blob", blob: "after"),
        ])
        for name in ["before", "after"] {
            let client = try RawClient(port: server.emulator.port)
            client.send(server.head("PUT", "/jobs/\(name)", ["x-ms-blob-type": "BlockBlob"], length: 1) + "x")
            #expect(throws: RawClient.RawClientError.self) { try client.readAnswer() }
            #expect(client.wasReset)
        }
        #expect(try server.request("HEAD", "/jobs/before").status == 404)
        #expect(try server.request("HEAD", "/jobs/after").status == 200)
    }

    @Test
    func `a body is reset, cut, or has one wrong byte`() throws {
        func get() throws -> (RawClient, RawClient.Answer) {
            let client = try RawClient(port: server.emulator.port)
            client.send(server.head("GET", "/jobs/a"))
            return (client, try client.readAnswer())
        }
        let good = try get().1.body
        server.emulator.faults.replace(with: [FaultRule(.cut(afterBytes: 100_001), operation: "Get Blob")])
        let (cutClient, cut) = try get()
        #expect(!cut.isComplete)
        #expect(cut.body.count == 100_001)
        #expect(cutClient.isAtEnd() && !cutClient.wasReset)

        server.emulator.faults.replace(with: [FaultRule(.reset(.afterBodyBytes(7)), operation: "Get Blob")])
        let (resetClient, reset) = try get()
        #expect(!reset.isComplete)
        #expect(resetClient.wasReset)

        server.emulator.faults.replace(with: [FaultRule(.corrupt(byte: 99_999), operation: "Get Blob")])
        let corrupted = try get().1.body
        #expect(corrupted.count == good.count)
        #expect(zip(good, corrupted).enumerated().filter { $0.element.0 != $0.element.1 }.map(\.offset) == [99_999])
    }

    @Test
    func `a request is lost half way, or comes in with one wrong byte`() throws {
        server.emulator.faults.replace(with: [
            FaultRule(.reset(.afterRequestBytes(5)), operation: "Put Blob", blob: "lost"),
            FaultRule(.reset(.afterRequestBytes(50)), operation: "Put Blob", blob: "short"),
            FaultRule(.corruptRequest(byte: 2), operation: "Put Blob", blob: "wrong"),
        ])
        for name in ["lost", "short"] {
            let client = try RawClient(port: server.emulator.port)
            client.send(server.head("PUT", "/jobs/\(name)", ["x-ms-blob-type": "BlockBlob"], length: 10) + "0123456789")
            #expect(throws: RawClient.RawClientError.self) { try client.readAnswer() }
            #expect(try server.request("HEAD", "/jobs/\(name)").status == 404)
        }
        #expect(try server.put("/jobs/wrong", "0123456789").status == 201)
        #expect(try server.request("GET", "/jobs/wrong").body == [0x30, 0x31, 0x32 ^ 0xFF] + Array("3456789".utf8))
    }

    @Test
    func `checksums lie on request`() throws {
        server.emulator.faults.add(FaultRule(.wrongChecksum, operation: "Get Blob"))
        #expect(try server.request("GET", "/jobs/a").headers["content-md5"] == "AAAAAAAAAAAAAAAAAAAAAA==")
    }

    @Test
    func `an answer stalls in its head and goes on`() throws {
        server.emulator.faults.add(FaultRule(.stall(.head, afterBytes: 5, milliseconds: 100), operation: "Get Blob"))
        let began = Timestamp.systemNow()
        #expect(try server.request("GET", "/jobs/a").isComplete)
        #expect(Timestamp.systemNow().ticks - began.ticks >= Timestamp.ticksPerSecond / 10)
    }

    @Test
    func `a slow body takes its time`() throws {
        server.emulator.faults.add(FaultRule(.bodyRate(bytesPerSecond: 1_000_000), operation: "Get Blob"))
        let began = Timestamp.systemNow()
        #expect(try server.request("GET", "/jobs/a").isComplete)
        #expect(Timestamp.systemNow().ticks - began.ticks >= Timestamp.ticksPerSecond / 10)
    }

    @Test
    func `a throttle lets through what its rate allows`() throws {
        server.emulator.faults.add(FaultRule(.throttle(requestsPerSecond: 1, retryAfter: 2), operation: "Get Blob"))
        var statuses: [Int] = []
        for _ in 0..<3 { statuses.append(try server.request("GET", "/jobs/a").status) }
        #expect(statuses.first == 200)
        #expect(statuses.contains(503))
    }

    @Test
    func `a deleted container's name stays taken when asked to`() throws {
        server.emulator.faults.add(FaultRule(.containerBeingDeleted(seconds: 30), operation: "Delete Container"))
        #expect(try server.request("DELETE", "/jobs?restype=container").status == 202)
        #expect(try server.request("PUT", "/jobs?restype=container").code == "ContainerBeingDeleted")
        #expect(try server.request("HEAD", "/jobs/a").code == "ContainerNotFound")
        server.clock.advance(bySeconds: 31)
        #expect(try server.request("PUT", "/jobs?restype=container").status == 201)
    }

    @Test
    func `a copy pends until its time has come`() throws {
        server.emulator.faults.add(FaultRule(.pendingCopy(milliseconds: 60_000), operation: "Copy Blob"))
        let copy = try server.request("PUT", "/jobs/b", ["x-ms-copy-source": server.emulator.endpoint + "/jobs/a"])
        #expect(copy.headers["x-ms-copy-status"] == "pending")
        let pending = try server.request("HEAD", "/jobs/b")
        #expect(pending.headers["x-ms-copy-status"] == "pending")
        #expect(pending.headers["content-length"] == "200000")
        server.clock.advance(bySeconds: 61)
        let done = try server.request("HEAD", "/jobs/b")
        #expect(done.headers["x-ms-copy-status"] == "success")
        #expect(done.headers["etag"] != pending.headers["etag"])
    }

    @Test
    func `stopping ends connections that stall`() throws {
        server.emulator.faults.add(
            FaultRule(.stall(.body, afterBytes: 10, milliseconds: 600_000), operation: "Get Blob")
        )
        let client = try RawClient(port: server.emulator.port)
        client.send(server.head("GET", "/jobs/a"))
        #expect(try client.readLine() == "HTTP/1.1 200 OK")
        server.emulator.stop()
        #expect(throws: RawClient.RawClientError.self) { try RawClient(port: server.emulator.port) }
    }

    @Test
    func `rules survive the way through JSON`() throws {
        let rules: [FaultRule] = [
            FaultRule(.delay(milliseconds: 1), operation: "Get Blob", blob: "x*", skip: 1, times: 2),
            FaultRule(.hold), FaultRule(.bodyRate(bytesPerSecond: 1)),
            FaultRule(.status(500, code: "X", retryAfter: 3, applied: true)),
            FaultRule(.reset(.beforeApplying)), FaultRule(.reset(.afterApplying)),
            FaultRule(.reset(.afterBodyBytes(4))), FaultRule(.cut(afterBytes: 5)),
            FaultRule(.stall(.head, afterBytes: 6, milliseconds: 7)), FaultRule(.corrupt(byte: 8)),
            FaultRule(.corruptRequest(byte: 9)), FaultRule(.reset(.afterRequestBytes(10))),
            FaultRule(.wrongChecksum), FaultRule(.shortPages(entries: 9)),
            FaultRule(.throttle(requestsPerSecond: 10, retryAfter: nil)), FaultRule(.pendingCopy(milliseconds: 11)),
            FaultRule(.containerBeingDeleted(seconds: 12)),
        ]
        #expect(try JSONDecoder().decode([FaultRule].self, from: JSONEncoder().encode(rules)) == rules)
    }

    @Test
    func `faults and counters are reached over HTTP`() throws {
        func control(_ method: String, _ path: String, _ body: String = "") throws -> RawClient.Answer {
            try server.raw(
                "\(method) /-/\(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
        }
        let rule = #"[{"operation": "Get Blob", "effect": "status", "status": 500, "code": "InternalError"}]"#
        #expect(try control("PUT", "faults", rule).status == 204)
        #expect(try server.request("GET", "/jobs/a").status == 500)
        #expect(try control("DELETE", "faults").status == 204)
        #expect(try server.request("GET", "/jobs/a").status == 200)
        #expect(try control("GET", "counters").text.contains(#""Get Blob":{"bytesReceived":0,"bytesSent":"#))
        #expect(try control("DELETE", "counters").status == 204)
        #expect(server.emulator.counters.total.requests == 0)
        #expect(try control("PUT", "faults", #"[{"effect": "nonsense"}]"#).status == 400)
        #expect(try control("PUT", "faults", #"[{"effect": "wrongChecksum", "operation": "Get Blub"}]"#).status == 400)
    }

    @Test
    func `many blobs are made at once`() throws {
        func populate(_ json: String) throws -> Int {
            let head = "POST /-/populate HTTP/1.1\r\nHost: x\r\nContent-Length: \(json.utf8.count)\r\n\r\n"
            return try server.raw(head + json).status
        }
        let account = #""account": "devstoreaccount1""#
        let wanted = #"{\#(account), "container": "jobs", "prefix": "many/", "count": 12000, "size": 5000000}"#
        #expect(try populate(wanted) == 201)
        let last = try server.request("GET", "/jobs/many/0011999", ["x-ms-range": "bytes=4194300-4194310"])
        #expect(last.status == 206)
        #expect(last.headers["content-range"] == "bytes 4194300-4194310/5000000")
        // The piece of 4 MiB comes again behind itself.
        let first = try server.request("GET", "/jobs/many/0000000", ["x-ms-range": "bytes=0-6"])
        #expect(Array(last.body[4...]) == first.body)
        #expect(try server.request("HEAD", "/jobs/many/0012000").status == 404)
        let elsewhere = #"{\#(account), "container": "none", "prefix": "", "count": 1, "size": 0}"#
        #expect(try populate(elsewhere) != 201)
        #expect(try populate(#"{\#(account), "container": "jobs", "prefix": "", "count": -1, "size": 0}"#) != 201)
    }

    @Test
    func `what a client that hung up did not take is not counted as sent`() throws {
        let sent = 100_000
        server.emulator.faults.add(FaultRule(.cut(afterBytes: sent), operation: "Get Blob"))
        #expect(try server.request("GET", "/jobs/a").isComplete == false)
        // Taken off after the connection has ended.
        while server.emulator.counters["Get Blob"].bytesSent > sent { sched_yield() }
        #expect(server.emulator.counters["Get Blob"].bytesSent == sent)
    }

    @Test
    func `without permission there is no control`() throws {
        let closed = try TestServer()
        #expect(try closed.raw("DELETE /-/faults HTTP/1.1\r\nHost: x\r\n\r\n").status == 404)
    }
}
