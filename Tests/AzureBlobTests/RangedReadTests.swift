import BlobStorage
import Checksums
import Synchronization
import Testing

@testable import AzureBlob

/// Get Blob as the tree uses it, against a server that misbehaves.
@Suite(.timeLimit(.minutes(5)))
struct RangedReadTests {
    private static let content = pattern(100_000)

    /// The part of the content that a request asks for, answered as the service does.
    private static func part(
        _ request: ScriptedServer.Received,
        etag: String = "\"0x1\"",
        headers: [String] = [],
        content: [UInt8] = Self.content
    ) -> (head: String, bytes: [UInt8]) {
        let bounds = (request.headers["x-ms-range"] ?? "").dropFirst("bytes=".count).split(separator: "-")
        let (low, high) = (Int(bounds[0]) ?? 0, min(Int(bounds[1]) ?? 0, content.count - 1))
        let bytes = Array(content[low...high])
        let all = [
            "Content-Range: bytes \(low)-\(high)/\(content.count)", "ETag: \(etag)",
            "Last-Modified: Wed, 11 Nov 2026 09:00:00 GMT",
        ]
        return (answer("206 Partial Content", all + headers, length: bytes.count), bytes)
    }

    private static func whole(_ part: (head: String, bytes: [UInt8])) -> ScriptedServer.Reaction {
        .answerBytes(Array(part.head.utf8) + part.bytes)
    }

    private static func cut(_ part: (head: String, bytes: [UInt8]), after count: Int) -> ScriptedServer.Reaction {
        .answerAndClose(Array(part.head.utf8) + part.bytes.prefix(count))
    }

    @Test func `brings the bytes, the length and the version`() async throws {
        let server = try ScriptedServer { request, _ in Self.whole(Self.part(request)) }
        let store = try AzureBlobStore.scripted(server)
        let read = try await store.readBytes(someBlob, 1000..<51_000, condition: .matches(ETag("\"0x1\"")))
        #expect(read.bytes == Array(Self.content[1000..<51_000]))
        #expect(read.result.byteCount == 50_000)
        #expect(read.result.blobLength == 100_000)
        #expect(read.result.version == BlobVersion(etag: ETag("\"0x1\""), lastModified: 1_794_387_600))
        #expect(server.received[0].headers["if-match"] == "\"0x1\"")
        #expect(server.received[0].headers["range"] == nil)
        #expect(store.counters.requests == [.getBlob: 1])
        #expect(store.counters.bytesReceived == 50_000)
        #expect(store.counters.retries == 0)
    }

    @Test func `brings fewer bytes at the blob's end`() async throws {
        let server = try ScriptedServer { request, _ in Self.whole(Self.part(request)) }
        let read = try await AzureBlobStore.scripted(server).readBytes(someBlob, 99_990..<100_100)
        #expect(read.result.byteCount == 10)
        #expect(read.bytes.prefix(10) == Self.content.suffix(10))
    }

    @Test func `goes on behind the last byte, for the same version`() async throws {
        let server = try ScriptedServer { request, index in
            index < 3 ? Self.cut(Self.part(request), after: 20_000) : Self.whole(Self.part(request))
        }
        let progress = Mutex<[Int]>([])
        let store = try AzureBlobStore.scripted(server)
        let read = try await store.readBytes(someBlob, 0..<100_000) { count in progress.withLock { $0.append(count) } }
        #expect(read.bytes == Self.content)
        #expect(
            server.received.map { $0.headers["x-ms-range"] }
                == ["bytes=0-99999", "bytes=20000-99999", "bytes=40000-99999", "bytes=60000-99999"]
        )
        #expect(server.received.map { $0.headers["if-match"] } == [nil, "\"0x1\"", "\"0x1\"", "\"0x1\""])
        let counts = progress.withLock { $0 }
        #expect(counts == counts.sorted(), "progress never goes back")
        #expect(counts.last == 100_000)
        #expect(store.counters.retries == 3)
    }

    @Test func `never hands out a mixture of two versions`() async throws {
        let server = try ScriptedServer { request, index in
            index == 0
                ? Self.cut(Self.part(request), after: 20_000)
                : .answer(refusal("412 Precondition Failed", "ConditionNotMet"))
        }
        await #expect {
            try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<100_000)
        } throws: { ($0 as? StorageError)?.kind == .conditionFailed }
        #expect(server.received.count == 2)
    }

    @Test func `goes on with an append blob that has grown meanwhile`() async throws {
        let append = ["x-ms-blob-type: AppendBlob", "x-ms-creation-time: Wed, 11 Nov 2026 08:00:00 GMT"]
        let server = try ScriptedServer { request, index in
            let part = Self.part(request, etag: "\"0x\(index)\"", headers: append)
            return index == 0 ? Self.cut(part, after: 7) : Self.whole(part)
        }
        let read = try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<1000)
        #expect(read.bytes == Array(Self.content[..<1000]))
        #expect(read.result.creationTime == 1_794_384_000)
        #expect(server.received[1].headers["if-match"] == nil)
    }

    @Test func `notices that an append blob was made anew`() async throws {
        let server = try ScriptedServer { request, index in
            let append = ["x-ms-blob-type: AppendBlob", "x-ms-creation-time: Wed, 11 Nov 2026 08:00:0\(index) GMT"]
            let part = Self.part(request, headers: append)
            return index == 0 ? Self.cut(part, after: 7) : Self.whole(part)
        }
        await #expect {
            try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<1000)
        } throws: { ($0 as? StorageError)?.kind == .conditionFailed }
    }

    @Test(arguments: [RangeVerification.crc64, .md5])
    func `holds the bytes against the service's checksum`(verification: RangeVerification) async throws {
        let server = try ScriptedServer { request, index in
            var (_, bytes) = Self.part(request)
            let checksum = bytes.withUnsafeBytes { CRC64Field.text(CRC64.checksum($0)) }
            var hasher = MD5Hasher()
            bytes.withUnsafeBytes { hasher.update($0) }
            let header =
                verification == .crc64
                ? "x-ms-content-crc64: \(checksum)" : "Content-MD5: \(Base64.encode(hasher.finish()))"
            // The first two copies arrive with one bit turned.
            if index < 2 { bytes[500] ^= 1 }
            return Self.whole((Self.part(request, headers: [header]).head, bytes))
        }
        let store = try AzureBlobStore.scripted(server)
        let read = try await store.readBytes(someBlob, 0..<1000, verification: verification) { _ in
            Issue.record("bytes were shown before they were verified")
        }
        #expect(read.bytes == Array(Self.content[..<1000]))
        let header = verification == .crc64 ? "x-ms-range-get-content-crc64" : "x-ms-range-get-content-md5"
        #expect(server.received.map { $0.headers[header] } == ["true", "true", "true"])
    }

    @Test func `gives up on bytes that never match`() async throws {
        let server = try ScriptedServer { request, _ in
            Self.whole(Self.part(request, headers: ["x-ms-content-crc64: AAAAAAAAAAA="]))
        }
        await #expect {
            try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<1000, verification: .crc64)
        } throws: { error in
            guard let error = error as? StorageError else { return false }
            return error.kind == .corrupted && error.persistence == .persistent
        }
        #expect(server.received.count == 3)
    }

    @Test func `asks for all of it again when a verified range was cut short`() async throws {
        let server = try ScriptedServer { request, index in
            let (_, bytes) = Self.part(request)
            let checksum = bytes.withUnsafeBytes { CRC64Field.text(CRC64.checksum($0)) }
            let part = Self.part(request, headers: ["x-ms-content-crc64: \(checksum)"])
            return index == 0 ? Self.cut(part, after: 600) : Self.whole(part)
        }
        let read = try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<1000, verification: .crc64)
        #expect(read.bytes == Array(Self.content[..<1000]))
        #expect(server.received.map { $0.headers["x-ms-range"] } == ["bytes=0-999", "bytes=0-999"])
    }

    @Test func `does not take bytes unverified where verified ones were asked for`() async throws {
        let server = try ScriptedServer { request, _ in Self.whole(Self.part(request)) }
        await #expect {
            try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<1000, verification: .crc64)
        } throws: { ($0 as? StorageError)?.kind == .unexpected }
    }

    /// §2.6: what the service has is asked for first; a server that has less is asked for that, and remembered.
    @Test(arguments: [RangeVerification.md5, .none], [false, true])
    func `takes the strongest checksum that the server has`(offered: RangeVerification, refuses: Bool) async throws {
        let server = try ScriptedServer { request, index in
            let asked = ["x-ms-range-get-content-crc64", "x-ms-range-get-content-md5"].filter {
                request.headers[$0] != nil
            }
            let isAnswered = offered == .md5 && asked == ["x-ms-range-get-content-md5"]
            if refuses, !asked.isEmpty, !isAnswered { return .answer(refusal("500 No", "FeatureNotSupported")) }
            var (_, bytes) = Self.part(request)
            var hasher = MD5Hasher()
            bytes.withUnsafeBytes { hasher.update($0) }
            let headers = isAnswered ? ["Content-MD5: \(Base64.encode(hasher.finish()))"] : []
            // Where there is a checksum, a turned bit is found by it.
            if isAnswered, index == 1 { bytes[500] ^= 1 }
            return Self.whole((Self.part(request, headers: headers).head, bytes))
        }
        let store = try AzureBlobStore.scripted(server)
        for _ in 0..<2 {
            let read = try await store.readBytes(someBlob, 0..<1000, verification: .offered)
            #expect(read.bytes == Array(Self.content[..<1000]))
        }
        let asked = server.received.map { request in
            request.headers["x-ms-range-get-content-crc64"] != nil
                ? "crc64" : request.headers["x-ms-range-get-content-md5"] != nil ? "md5" : "none"
        }
        switch (offered, refuses) {
        case (.md5, _): #expect(asked == ["crc64", "md5", "md5", "md5"])
        case (_, false): #expect(asked == ["crc64", "md5", "none"])
        case (_, true): #expect(asked == ["crc64", "md5", "none", "none"])
        }
    }

    @Test func `a corrupt answer is no reason to ask for a weaker checksum`() async throws {
        let server = try ScriptedServer { request, _ in
            Self.whole(Self.part(request, headers: ["x-ms-content-crc64: AAAAAAAAAAA="]))
        }
        await #expect {
            try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<1000, verification: .offered)
        } throws: { ($0 as? StorageError)?.kind == .corrupted }
        #expect(server.received.allSatisfy { $0.headers["x-ms-range-get-content-crc64"] != nil })
    }

    @Test func `refuses ranges that cannot be verified or are empty, without a request`() async throws {
        let server = try ScriptedServer([.close])
        let store = try AzureBlobStore.scripted(server)
        for (range, verification, condition) in [
            (0..<UInt64(RangeVerification.lengthMax + 1), RangeVerification.crc64, VersionCondition.any),
            (5..<5, .none, .any), (0..<5, .none, .absent),
        ] {
            await #expect {
                try await store.readBytes(someBlob, range, condition: condition, verification: verification)
            } throws: { ($0 as? StorageError)?.kind == .invalid }
        }
        #expect(server.received.isEmpty)
    }

    @Test func `finds the end when the range lies behind it`() async throws {
        let server = try ScriptedServer { request, _ in
            request.method == "HEAD"
                ? .answer(answer("200 OK", versionHeaders, length: 100)) : .answer(refusal("416 Range", "InvalidRange"))
        }
        let read = try await AzureBlobStore.scripted(server).readBytes(someBlob, 100..<200)
        #expect(read.result.byteCount == 0)
        #expect(read.result.blobLength == 100)
        #expect(read.result.version.etag == ETag("\"0x1\""))
    }

    @Test(arguments: [
        // Another range, a range without a total, a whole blob that does not fit, no length, no version.
        ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 1-10/100", "Content-Length: 10"] + versionHeaders,
        ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/*", "Content-Length: 10"] + versionHeaders,
        ["HTTP/1.1 206 Partial Content", "Content-Length: 10"] + versionHeaders,
        ["HTTP/1.1 200 OK", "Content-Length: 11"] + versionHeaders,
        ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/100", "Content-Length: 10"],
        // More than the range, and less.
        ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/100", "Content-Length: 11"] + versionHeaders,
        ["HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-9/100", "Transfer-Encoding: chunked"] + versionHeaders,
    ])
    func `refuses answers that are not the range`(lines: [String]) async throws {
        let isChunked = lines.contains("Transfer-Encoding: chunked")
        let body = isChunked ? "5\r\n12345\r\n0\r\n\r\n" : "1234567890X"
        let server = try ScriptedServer([
            .answerAndClose(Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8))
        ])
        let store = try AzureBlobStore.scripted(server)
        await #expect {
            try await store.readBytes(someBlob, 0..<10, verification: isChunked ? .crc64 : .none)
        } throws: { error in
            guard let error = error as? StorageError else { return false }
            return error.kind == .corrupted && error.persistence == .persistent
        }
    }

    @Test func `takes a whole blob where it is what was asked for`() async throws {
        let server = try ScriptedServer([.answer(answer("200 OK", versionHeaders, body: "12345"))])
        let read = try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<10)
        #expect(read.result.byteCount == 5)
        #expect(read.result.blobLength == 5)
    }

    @Test func `waits as the service asks and then goes on`() async throws {
        let time = ManualTime()
        let server = try ScriptedServer { request, index in
            index == 0
                ? .answer(refusal("503 Busy", "ServerBusy", ["Retry-After: 7"])) : Self.whole(Self.part(request))
        }
        let store = try AzureBlobStore.scripted(server, surroundings: time.surroundings())
        _ = try await store.readBytes(someBlob, 0..<10)
        #expect(time.slept == [.seconds(7)])
    }

    @Test func `stops at the deadline and says that trying did not help`() async throws {
        let time = ManualTime()
        let server = try ScriptedServer([.answer(refusal("500 Oops", "InternalError"))])
        let store = try AzureBlobStore.scripted(server, surroundings: time.surroundings())
        await #expect {
            try await store.readBytes(someBlob, 0..<10)
        } throws: { error in
            guard let error = error as? StorageError else { return false }
            return error.kind == .unavailable && error.persistence == .persistent && error.status == 500
                && error.code == "InternalError" && error.requestID == "r-1"
        }
        #expect(time.slept.reduce(.zero, +) <= .seconds(60))
        #expect(time.slept.count > 5)
        #expect(store.counters.failures == 1)
    }

    @Test func `is not repeated where that is no use`() async throws {
        let server = try ScriptedServer([.answer(refusal("404 Not Found", "BlobNotFound"))])
        await #expect {
            try await AzureBlobStore.scripted(server).readBytes(someBlob, 0..<10)
        } throws: { error in
            guard let error = error as? StorageError else { return false }
            return error.kind == .notFound && error.message == "Because of BlobNotFound."
        }
        #expect(server.received.count == 1)
    }

    @Test func `ends as cancelled, once, while it waits for bytes or for its next attempt`() async throws {
        let stalling = try ScriptedServer([.stall])
        let failing = try ScriptedServer([.answer(refusal("503 Busy", "ServerBusy", ["Retry-After: 50"]))])
        for server in [stalling, failing] {
            let store = try AzureBlobStore.scripted(server, surroundings: .system)
            let memory = UnsafeMutableRawPointer.allocate(byteCount: 10, alignment: 16)
            defer { memory.deallocate() }
            let results = Mutex<[Result<BlobReadResult, StorageError>]>([])
            let read = BlobRead(
                blob: someBlob,
                range: 0..<10,
                condition: .any,
                verification: .none,
                destination: memory
            )
            let operation = store.read(read) { result in results.withLock { $0.append(result) } }
            while server.received.isEmpty { await Task.yield() }
            operation.cancel()
            operation.cancel()
            while results.withLock({ $0.isEmpty }) { await Task.yield() }
            guard case .failure(let error) = results.withLock({ $0[0] }) else {
                Issue.record("a result out of nowhere")
                return
            }
            #expect(error.kind == .cancelled)
            #expect(results.withLock { $0.count } == 1)
        }
    }

    @Test func `many reads at a time keep their bytes apart`() async throws {
        let server = try ScriptedServer { request, index in
            // Every fifth answer is torn.
            index % 5 == 4 ? Self.cut(Self.part(request), after: 900) : Self.whole(Self.part(request))
        }
        let store = try AzureBlobStore.scripted(server, configuration: AzureBlobStoreConfiguration(maxConnections: 8))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<60 {
                group.addTask {
                    let low = UInt64(index * 1500)
                    let read = try await store.readBytes(someBlob, low..<low + 3000)
                    #expect(read.bytes == Array(Self.content[Int(low)..<Int(low) + 3000]))
                }
            }
            try await group.waitForAll()
        }
    }
}
