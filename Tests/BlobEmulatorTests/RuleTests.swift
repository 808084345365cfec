import Testing

@testable import BlobEmulator

/// What a throwing call was refused with; "ok" if it was not.
func refusal(_ body: () throws(Failure) -> Void) -> String {
    do throws(Failure) {
        try body()
        return "ok"
    } catch {
        guard case .refused(let answer) = error else { return "lost" }
        return "\(answer.status) \(answer.code)"
    }
}

func fields(_ values: KeyValuePairs<String, String>) -> HeaderFields {
    var headers = HeaderFields()
    for (name, value) in values { headers.append(name: name, value: value) }
    return headers
}

struct ByteRangeTests {
    @Test(arguments: [
        ("bytes=0-0", 0..<1), ("bytes=0-99", 0..<10), ("bytes=9-", 9..<10), ("bytes=3-5", 3..<6),
    ])
    func `usable ranges are cut to the blob`(text: String, range: Range<Int>) throws {
        #expect(try ByteRange(fields(["Range": text]), length: 10) == .part(range))
    }

    @Test(arguments: ["bytes=-5", "bytes=abc", "bytes=5-3", "bytes=0-1,4-5", "items=0-1", "bytes=1", ""])
    func `unusable ranges are ignored`(text: String) throws {
        #expect(try ByteRange(fields(["Range": text]), length: 10) == .whole)
    }

    @Test
    func `a start at or beyond the end cannot be satisfied`() {
        #expect(
            refusal { () throws(Failure) in _ = try ByteRange(fields(["Range": "bytes=10-"]), length: 10) }
                == "416 InvalidRange"
        )
        #expect(
            refusal { () throws(Failure) in _ = try ByteRange(fields(["Range": "bytes=0-"]), length: 0) }
                == "416 InvalidRange"
        )
    }

    @Test
    func `the service's header counts before the standard one`() throws {
        let headers = fields(["Range": "bytes=0-1", "x-ms-range": "bytes=4-5"])
        #expect(try ByteRange(headers, length: 10) == .part(4..<6))
    }
}

struct ConditionsTests {
    private let blob = Blob(
        kind: .block,
        etag: ETag(ticks: 1),
        modified: Timestamp(seconds: 1_794_389_400),
        created: Timestamp(seconds: 0)
    )
    private let before = "Wed, 11 Nov 2026 09:29:59 GMT"
    private let same = "Wed, 11 Nov 2026 09:30:00 GMT"

    private func read(_ values: KeyValuePairs<String, String>) -> String {
        refusal { () throws(Failure) in try Conditions(fields(values)).checkRead(blob) }
    }

    private func write(
        _ values: KeyValuePairs<String, String>,
        _ blob: Blob?,
        _ existing: Conditions.Existing = .isUnmet
    ) -> String {
        refusal { () throws(Failure) in try Conditions(fields(values)).checkWrite(blob, existing: existing) }
    }

    @Test
    func `reads combine their conditions as the service does`() {
        let etag = blob.etag.quoted
        #expect(read([:]) == "ok")
        #expect(read(["If-Match": etag]) == "ok")
        #expect(read(["If-Match": "*"]) == "ok")
        #expect(read(["If-Match": "\"0x1\""]) == "412 ConditionNotMet")
        #expect(read(["If-None-Match": etag]) == "304 ConditionNotMet")
        #expect(read(["If-None-Match": "\"0x1\""]) == "ok")
        #expect(read(["If-None-Match": "*"]) == "400 UnsatisfiableCondition")
        #expect(read(["If-Modified-Since": before]) == "ok")
        #expect(read(["If-Modified-Since": same]) == "304 ConditionNotMet")
        #expect(read(["If-Unmodified-Since": same]) == "ok")
        #expect(read(["If-Unmodified-Since": before]) == "412 ConditionNotMet")
        // Either of the second pair is enough.
        #expect(read(["If-None-Match": etag, "If-Modified-Since": before]) == "ok")
        #expect(read(["If-None-Match": "\"0x1\"", "If-Modified-Since": same]) == "ok")
        #expect(read(["If-None-Match": etag, "If-Modified-Since": same]) == "304 ConditionNotMet")
        #expect(read(["If-Match": "\"0x1\"", "If-Modified-Since": before]) == "412 ConditionNotMet")
        #expect(read(["If-Modified-Since": "yesterday"]) == "400 InvalidHeaderValue")
    }

    @Test
    func `writes know what to do with a blob that is there or not`() {
        let etag = blob.etag.quoted
        #expect(write(["If-None-Match": "*"], nil) == "ok")
        #expect(write(["If-None-Match": "*"], blob, .isConflict) == "409 BlobAlreadyExists")
        #expect(write(["If-None-Match": "*"], blob) == "412 ConditionNotMet")
        #expect(write(["If-Match": etag], nil) == "412 ConditionNotMet")
        #expect(write(["If-Match": "*"], nil) == "412 ConditionNotMet")
        #expect(write(["If-Match": etag], blob) == "ok")
        #expect(write(["If-Match": etag, "If-Unmodified-Since": same], blob) == "ok")
        #expect(
            write(["If-Match": etag, "If-None-Match": "\"0x1\""], blob) == "400 MultipleConditionHeadersNotSupported"
        )
    }

    @Test(arguments: [
        ("\"state\" = 'done'", true), ("\"state\" <> 'done'", false), ("\"n\" > '1' AND \"n\" <= '2'", true),
        ("\"state\" = 'x' OR \"n\" = '2'", true), ("missing = 'x'", false),
    ])
    func `conditions on tags are worked out`(text: String, expected: Bool) throws {
        let tags = [Tag(key: "state", value: "done"), Tag(key: "n", value: "2")]
        #expect(try #require(TagExpression(text)).holds(for: tags) == expected)
    }

    @Test(arguments: ["", "state", "\"state\" =", "\"state\" = done", "\"a\" = 'b' XOR \"c\" = 'd'"])
    func `broken conditions on tags are refused`(text: String) {
        #expect(TagExpression(text) == nil)
    }
}

struct LeaseTests {
    private let start = Timestamp(seconds: 1000)
    private let idA = "aaaaaaaa-0000-0000-0000-000000000000"
    private let idB = "bbbbbbbb-0000-0000-0000-000000000000"

    private func lease(_ state: Lease.State) -> Lease {
        switch state {
        case .available: Lease()
        case .leased: Lease(phase: .leased, id: idA, duration: 15, end: start.adding(seconds: 15))
        case .expired: Lease(phase: .leased, id: idA, duration: 15, end: start)
        case .breaking: Lease(phase: .breaking, id: idA, duration: 15, end: start.adding(seconds: 5))
        case .broken: Lease(phase: .broken, id: idA, duration: 15, end: nil)
        }
    }

    private func outcome(_ state: Lease.State, _ call: (inout Lease) throws(Failure) -> Void) -> String {
        var lease = lease(state)
        #expect(lease.state(at: start) == state)
        return refusal { () throws(Failure) in try call(&lease) }
    }

    private let states: [Lease.State] = [.available, .leased, .breaking, .broken, .expired]

    private func row(_ call: (inout Lease) throws(Failure) -> Void) -> [String] {
        states.map { String(outcome($0, call).prefix(3)) }
    }

    @Test
    func `writes and reads follow the table`() {
        #expect(
            row { (lease) throws(Failure) in try lease.checkWrite(idA, now: start, on: .blob) }
                == ["412", "ok", "ok", "412", "412"]
        )
        #expect(
            row { (lease) throws(Failure) in try lease.checkWrite(idB, now: start, on: .blob) }
                == ["412", "412", "412", "412", "412"]
        )
        #expect(
            row { (lease) throws(Failure) in try lease.checkWrite(nil, now: start, on: .blob) }
                == ["ok", "412", "412", "ok", "ok"]
        )
        #expect(
            row { (lease) throws(Failure) in try lease.checkRead(nil, now: start, on: .blob) }
                == ["ok", "ok", "ok", "ok", "ok"]
        )
    }

    @Test
    func `lease calls follow the table`() {
        #expect(
            row { (lease) throws(Failure) in try lease.acquire(idB, duration: 15, now: start) }
                == ["ok", "409", "409", "ok", "ok"]
        )
        #expect(
            row { (lease) throws(Failure) in try lease.acquire(idA, duration: 15, now: start) }
                == ["ok", "ok", "409", "ok", "ok"]
        )
        #expect(
            row { (lease) throws(Failure) in try lease.renew(idA, now: start) } == ["409", "ok", "409", "409", "ok"]
        )
        #expect(
            row { (lease) throws(Failure) in try lease.change(idA, to: idB, now: start) }
                == ["409", "ok", "409", "409", "409"]
        )
        #expect(
            row { (lease) throws(Failure) in try lease.release(idA, now: start) } == ["409", "ok", "ok", "ok", "ok"]
        )
        #expect(
            row { (lease) throws(Failure) in _ = try lease.breakLease(period: nil, now: start) }
                == ["409", "ok", "ok", "ok", "ok"]
        )
    }

    @Test
    func `a lease is broken after its period or its rest, whichever is less`() throws {
        var lease = lease(.leased)
        #expect(try lease.breakLease(period: 60, now: start) == 15)
        #expect(try lease.breakLease(period: 3, now: start) == 3)
        #expect(lease.state(at: start.adding(seconds: 2)) == .breaking)
        #expect(lease.state(at: start.adding(seconds: 3)) == .broken)
        var infinite = Lease(phase: .leased, id: idA)
        #expect(try infinite.breakLease(period: nil, now: start) == 0)
    }

    @Test
    func `a write past an expired lease ends it`() {
        #expect(lease(.expired).afterWrite(at: start) == Lease())
        #expect(lease(.leased).afterWrite(at: start) == lease(.leased))
    }
}

struct RequestParsingTests {
    private func parse(_ text: String) throws -> RequestHead {
        try Array(text.utf8).withUnsafeBytes { try RequestHead(parsing: $0) }
    }

    @Test
    func `a head keeps target and header names as sent`() throws {
        let head = try parse("PUT /a%2Fb/../c//d?x=1&y=?%20 HTTP/1.1\r\nX-Ms-Meta-Foo:  bar \r\nx-empty:\r\n\r\n")
        #expect(head.path == "/a%2Fb/../c//d")
        #expect(head.query == "x=1&y=?%20")
        #expect(head.headers.fields.map(\.name) == ["X-Ms-Meta-Foo", "x-empty"])
        #expect(head.headers["x-ms-meta-foo"] == "bar")
        #expect(head.headers["x-empty"] == "")
        #expect(head.keepsAlive)
    }

    @Test(arguments: [
        "", "GET\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET / HTTP/1.1\r\nnocolon\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
    ])
    func `broken heads are refused`(text: String) {
        #expect(throws: RequestHeadError.self) { try parse(text) }
    }

    @Test
    func `parameters may hold an equals sign, and none`() throws {
        let query = try #require(QueryParameters("blockid=AA==&Prefix&marker=a%3Db&comp="))
        #expect(query["blockid"] == "AA==")
        #expect(query["prefix"] == "")
        #expect(query["marker"] == "a=b")
        #expect(query["comp"] == "")
        #expect(query["absent"] == nil)
        #expect(QueryParameters("a=%4") == nil)
    }

    @Test
    func `a batch is cut into its parts`() throws {
        let body = """
            --batch_1\r
            Content-Type: application/http\r
            Content-ID: 0\r
            \r
            DELETE /jobs/a.bin? HTTP/1.1\r
            Content-Length: 0\r
            \r
            \r
            --batch_1\r
            Content-ID: 1\r
            \r
            DELETE /jobs/b HTTP/1.1\r
            x: y\r
            \r
            --batch_1--\r

            """
        let parts = try #require(MultipartBody.parts(of: Array(body.utf8), boundary: "batch_1"))
        #expect(parts.map(\.contentID) == ["0", "1"])
        #expect(parts.map { $0.head?.target } == ["/jobs/a.bin?", "/jobs/b"])
        #expect(MultipartBody.parts(of: Array("--batch_1\r\n".utf8), boundary: "batch_1") == nil)
        #expect(MultipartBody.boundary(of: "multipart/mixed; boundary=\"x y\"; z") == "x y")
    }
}
