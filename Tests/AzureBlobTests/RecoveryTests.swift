import BlobStorage
import Synchronization
import Testing

@testable import AzureBlob

/// What each operation does when an answer is lost: the first attempt is carried out, and nobody hears of it.
@Suite(.timeLimit(.minutes(5)))
struct RecoveryTests {
    private static let created = ScriptedServer.Reaction.answer(answer("201 Created", versionHeaders))
    private static let etag = ETag("\"0x1\"")

    private func fails(
        as kind: StorageError.Kind,
        _ operation: () async throws(StorageError) -> Void,
        _ location: SourceLocation = #_sourceLocation
    ) async {
        do throws(StorageError) {
            try await operation()
            Issue.record("it succeeded", sourceLocation: location)
        } catch {
            #expect(error.kind == kind, "\(error)", sourceLocation: location)
        }
    }

    /// A server that keeps one blob's commit: the first is carried out and its answer lost; later ones are refused with
    /// `refusal`; a HEAD shows the metadata of `standing`, or of the first commit.
    private func lossyServer(_ refused: String, standing: [String]? = nil) throws -> ScriptedServer {
        let mark = Mutex<String?>(nil)
        return try ScriptedServer { request, _ in
            if request.method == "HEAD" {
                let own = mark.withLock { $0 }.map { ["x-ms-meta-outputfs_upload: \($0)"] } ?? []
                return .answer(answer("200 OK", versionHeaders + (standing ?? own), length: 3))
            }
            let isFirst = mark.withLock { mark in
                defer { mark = mark ?? request.headers["x-ms-meta-outputfs_upload"] ?? "" }
                return mark == nil
            }
            return isFirst ? .close : .answer(refused)
        }
    }

    @Test(arguments: [
        refusal("409 Conflict", "BlobAlreadyExists"), refusal("412 Precondition Failed", "ConditionNotMet"),
    ])
    func `a commit whose answer was lost is recognised`(refused: String) async throws {
        for condition in [VersionCondition.absent, .matches(Self.etag)] {
            let server = try lossyServer(refused)
            let store = try AzureBlobStore.scripted(server)
            let version = try await store.putBlockList(
                [.latest(BlockID(base64: "AAAA"))],
                of: someBlob,
                headers: BlobHeaders(),
                condition: condition
            )
            #expect(version.etag == Self.etag)
            #expect(server.received.map(\.method) == ["PUT", "PUT", "HEAD"])
            let blob = try await AzureBlobStore.scripted(lossyServer(refused)).putBlob(
                someBlob,
                UploadBody(pattern(3)),
                headers: BlobHeaders(),
                condition: condition
            )
            #expect(blob.etag == Self.etag)
            let append = try await AzureBlobStore.scripted(lossyServer(refused)).createAppendBlob(
                someBlob,
                headers: BlobHeaders(),
                condition: condition
            )
            #expect(append.etag == Self.etag)
        }
    }

    @Test func `somebody else's commit is not taken for ours`() async throws {
        let standing = ["x-ms-meta-outputfs_upload: 0123456789abcdef0123456789abcdef"]
        let store = try AzureBlobStore.scripted(
            lossyServer(refusal("409 Conflict", "BlobAlreadyExists"), standing: standing)
        )
        await fails(as: .alreadyExists) { () throws(StorageError) in
            _ = try await store.putBlob(someBlob, UploadBody(pattern(3)), headers: BlobHeaders(), condition: .absent)
        }
        let other = try AzureBlobStore.scripted(
            lossyServer(refusal("412 Precondition Failed", "ConditionNotMet"), standing: standing)
        )
        await fails(as: .conditionFailed) { () throws(StorageError) in
            _ = try await other.putBlockList([], of: someBlob, headers: BlobHeaders(), condition: .matches(Self.etag))
        }
    }

    /// A server that carries the first commit out unheard and refuses the second; a HEAD shows what the first one sent, with
    /// this MD5.
    private func lossyServer(storing md5: String) throws -> ScriptedServer {
        let sent = Mutex<[String]?>(nil)
        return try ScriptedServer { request, _ in
            if request.method == "HEAD" {
                let headers = ["x-ms-blob-type: BlockBlob", "Content-Type: text/plain", "Content-MD5: \(md5)"]
                let metadata = sent.withLock { $0 } ?? []
                return .answer(answer("200 OK", versionHeaders + headers + metadata, length: 3))
            }
            let isFirst = sent.withLock { sent in
                defer {
                    sent = sent ?? request.headers.filter { $0.key.hasPrefix("x-ms-meta-") }.map { "\($0): \($1)" }
                }
                return sent == nil
            }
            return isFirst ? .close : .answer(refusal("412 Precondition Failed", "ConditionNotMet"))
        }
    }

    @Test func `bytes with an MD5 need no mark to be recognised`() async throws {
        let headers = BlobHeaders(contentType: "text/plain", contentMD5: "AAAA", metadata: ["b": "2", "a": "1"])
        for condition in [VersionCondition.vacant, .matches(Self.etag)] {
            let server = try lossyServer(storing: "AAAA")
            let store = try AzureBlobStore.scripted(server)
            let body = UploadBody(pattern(3))
            let version = try await store.putBlob(someBlob, body, headers: headers, condition: condition)
            #expect(version.etag == Self.etag)
            #expect(server.received.map(\.method) == ["PUT", "PUT", "HEAD"])
            #expect(server.received.allSatisfy { $0.headers["x-ms-meta-outputfs_upload"] == nil })
            let isNamed = server.received[0].headers[condition == .vacant ? "if-none-match" : "if-match"] != nil
            #expect(isNamed)
        }
        for (md5, condition) in [("BBBB", VersionCondition.vacant), ("AAAA", .absent)] {
            let store = try AzureBlobStore.scripted(lossyServer(storing: md5))
            let body = UploadBody(pattern(3))
            let result: Result<BlobVersion, StorageError>
            do throws(StorageError) {
                result = .success(try await store.putBlob(someBlob, body, headers: headers, condition: condition))
            } catch { result = .failure(error) }
            // Who must be the one that made it has a mark, which alone proves it.
            if condition == .absent {
                #expect(throws: Never.self) { try result.get() }
            } else {
                #expect(throws: StorageError.self) { try result.get() }
            }
        }
    }

    @Test func `who may not look hears the refusal`() async throws {
        let server = try ScriptedServer { request, index in
            if index == 0 { return .close }
            return .answer(
                request.method == "HEAD"
                    ? refusal("403 Forbidden", "AuthorizationPermissionMismatch")
                    : refusal("409 Conflict", "BlobAlreadyExists")
            )
        }
        let store = try AzureBlobStore.scripted(server)
        await fails(as: .alreadyExists) { () throws(StorageError) in
            _ = try await store.putBlob(someBlob, UploadBody(pattern(3)), headers: BlobHeaders(), condition: .vacant)
        }
    }

    @Test func `a refusal of the first attempt stands without a look`() async throws {
        let server = try ScriptedServer([.answer(refusal("409 Conflict", "BlobAlreadyExists"))])
        let store = try AzureBlobStore.scripted(server)
        await fails(as: .alreadyExists) { () throws(StorageError) in
            _ = try await store.putBlob(someBlob, .empty, headers: BlobHeaders(), condition: .absent)
        }
        #expect(server.received.count == 1)
    }

    @Test func `a throttled attempt was not carried out`() async throws {
        let server = try ScriptedServer([
            .answer(refusal("503 Busy", "ServerBusy")), .answer(refusal("409 Conflict", "BlobAlreadyExists")),
        ])
        let store = try AzureBlobStore.scripted(server)
        await fails(as: .alreadyExists) { () throws(StorageError) in
            _ = try await store.putBlob(someBlob, .empty, headers: BlobHeaders(), condition: .absent)
        }
        #expect(server.received.map(\.method) == ["PUT", "PUT"])
    }

    @Test func `uncommitted blocks that are gone were committed by us`() async throws {
        let server = try lossyServer(refusal("400 Bad Request", "InvalidBlockList"))
        let version = try await AzureBlobStore.scripted(server).putBlockList(
            [.uncommitted(BlockID(base64: "AAAA"))],
            of: someBlob,
            headers: BlobHeaders(),
            condition: .any
        )
        #expect(version.etag == Self.etag)
    }

    @Test func `unconditional commits carry no mark and are sent again`() async throws {
        let server = try ScriptedServer([.close, Self.created])
        let store = try AzureBlobStore.scripted(server)
        _ = try await store.putBlob(someBlob, UploadBody(pattern(9)), headers: BlobHeaders(), condition: .any)
        _ = try await store.putBlockList([], of: someBlob, headers: BlobHeaders(), condition: .any)
        #expect(server.received.allSatisfy { $0.headers["x-ms-meta-outputfs_upload"] == nil })
        #expect(server.received.map(\.body.count) == [9, 9, 61])
        // One id over all attempts of a call, so that logs join up.
        #expect(
            server.received[0].headers["x-ms-client-request-id"] == server.received[1].headers["x-ms-client-request-id"]
        )
    }

    @Test func `the mark is not shown, and not added where it does not fit`() async throws {
        let server = try ScriptedServer([
            .answer(answer("200 OK", versionHeaders + ["x-ms-meta-a: 1", "x-ms-meta-outputfs_upload: 00"]))
        ])
        let properties = try await AzureBlobStore.scripted(server).properties(of: someBlob)
        #expect(properties.metadata == ["a": "1"])
        let full: BlobMetadata = ["big": String(repeating: "x", count: 8180)]
        #expect(UploadMark().added(to: full) == full)
        #expect(UploadMark().added(to: ["a": "1"])["outputfs_upload"] != nil)
    }

    // MARK: Appending

    /// An append blob of which a server loses answers: `lost` says which requests are carried out unheard.
    private final class AppendServer: Sendable {
        let content: Mutex<[UInt8]>
        init(_ content: [UInt8]) { self.content = Mutex(content) }

        func append(_ request: ScriptedServer.Received) -> String {
            content.withLock { content in
                guard request.headers["x-ms-blob-condition-appendpos"] == "\(content.count)" else {
                    return refusal("412 Precondition Failed", "AppendPositionConditionNotMet")
                }
                let offset = content.count
                content.append(contentsOf: request.body)
                return answer(
                    "201 Created",
                    versionHeaders + ["x-ms-blob-append-offset: \(offset)", "x-ms-blob-committed-block-count: 2"]
                )
            }
        }

        func react(_ request: ScriptedServer.Received) -> ScriptedServer.Reaction {
            let content = content.withLock { $0 }
            switch request.method {
            case "HEAD":
                return .answer(
                    answer(
                        "200 OK",
                        versionHeaders + ["x-ms-blob-type: AppendBlob", "x-ms-blob-committed-block-count: 7"],
                        length: content.count
                    )
                )
            case "GET":
                let bounds = (request.headers["x-ms-range"] ?? "").dropFirst("bytes=".count).split(separator: "-")
                let (low, high) = (Int(bounds[0]) ?? 0, min(Int(bounds[1]) ?? 0, content.count - 1))
                let head = answer(
                    "206 Partial Content",
                    versionHeaders + ["Content-Range: bytes \(low)-\(high)/\(content.count)"],
                    length: high - low + 1
                )
                return .answerBytes(Array(head.utf8) + content[low...high])
            default: return .answer(append(request))
            }
        }
    }

    @Test func `an append names its position and tells where it landed`() async throws {
        let blob = AppendServer(pattern(10))
        let server = try ScriptedServer { request, _ in blob.react(request) }
        let result = try await AzureBlobStore.scripted(server).append(UploadBody(pattern(5)), to: someBlob, at: 10)
        #expect(result.offset == 10)
        #expect(result.committedBlockCount == 2)
        #expect(blob.content.withLock { $0 } == pattern(10) + pattern(5))
    }

    /// §5.2
    @Test func `an append whose answer was lost is not applied twice`() async throws {
        let blob = AppendServer(pattern(10))
        let server = try ScriptedServer { request, index in
            guard index == 0 else { return blob.react(request) }
            _ = blob.append(request)
            return .reset
        }
        let result = try await AzureBlobStore.scripted(server).append(UploadBody(pattern(5)), to: someBlob, at: 10)
        #expect(result.offset == 10)
        #expect(result.committedBlockCount == 7)
        #expect(blob.content.withLock { $0 } == pattern(10) + pattern(5))
        #expect(server.received.map(\.method) == ["PUT", "PUT", "HEAD", "GET"])
    }

    @Test func `an append that libcurl repeated by itself is not applied twice`() async throws {
        let blob = AppendServer([])
        let server = try ScriptedServer { request, index in
            guard index == 1 else { return blob.react(request) }
            // The kept connection dies after the append was carried out.
            _ = blob.append(request)
            return .close
        }
        let store = try AzureBlobStore.scripted(server)
        _ = try await store.append(UploadBody(pattern(3)), to: someBlob, at: 0)
        let second = try await store.append(UploadBody(pattern(5)), to: someBlob, at: 3)
        #expect(second.offset == 3)
        #expect(blob.content.withLock { $0 } == pattern(3) + pattern(5))
        // Both sendings were one attempt to the engine, which therefore had nothing to repeat.
        #expect(store.counters.retries == 0)
    }

    @Test func `an append that did not land is sent again`() async throws {
        let blob = AppendServer(pattern(10))
        let server = try ScriptedServer { request, index in index == 0 ? .close : blob.react(request) }
        let result = try await AzureBlobStore.scripted(server).append(UploadBody(pattern(5)), to: someBlob, at: 10)
        #expect(result.offset == 10)
        #expect(blob.content.withLock { $0.count } == 15)
    }

    @Test func `another appender's bytes are not taken for ours`() async throws {
        let blob = AppendServer(pattern(10))
        let server = try ScriptedServer { request, index in
            guard index == 0 else { return blob.react(request) }
            blob.content.withLock { $0.append(contentsOf: [9, 9, 9, 9, 9]) }
            return .reset
        }
        let store = try AzureBlobStore.scripted(server)
        await fails(as: .conditionFailed) { () throws(StorageError) in
            _ = try await store.append(UploadBody(pattern(5)), to: someBlob, at: 10)
        }
        #expect(blob.content.withLock { $0.count } == 15)
    }

    @Test func `a first append at the wrong position is refused at once`() async throws {
        let blob = AppendServer(pattern(10))
        let server = try ScriptedServer { request, _ in blob.react(request) }
        let store = try AzureBlobStore.scripted(server)
        await fails(as: .conditionFailed) { () throws(StorageError) in
            _ = try await store.append(UploadBody(pattern(5)), to: someBlob, at: 9)
        }
        #expect(server.received.count == 1)
    }

    // MARK: Deleting, creating, changing

    @Test func `a delete that was carried out unseen is done`() async throws {
        for reaction in [ScriptedServer.Reaction.close, .answer(refusal("500 Oops", "OperationTimedOut"))] {
            let server = try ScriptedServer([reaction, .answer(refusal("404 Not Found", "BlobNotFound"))])
            try await AzureBlobStore.scripted(server).delete(someBlob, condition: .matches(Self.etag))
            #expect(server.received.count == 2)
        }
        let server = try ScriptedServer([.close, .answer(refusal("404 Not Found", "ContainerNotFound"))])
        try await AzureBlobStore.scripted(server).deleteContainer("jobs")
    }

    @Test func `a condition on what an unseen delete removed is met`() async throws {
        let server = try ScriptedServer { request, index in
            if index == 0 { return .close }
            // The service answers a condition on a missing blob with 412, not with 404.
            return request.method == "HEAD"
                ? .answer(refusal("404 Not Found", "BlobNotFound"))
                : .answer(refusal("412 Precondition Failed", "ConditionNotMet"))
        }
        try await AzureBlobStore.scripted(server).delete(someBlob, condition: .matches(Self.etag))
        #expect(server.received.map(\.method) == ["DELETE", "DELETE", "HEAD"])
    }

    @Test func `a delete of nothing says so`() async throws {
        let store = try AzureBlobStore.scripted(ScriptedServer([.answer(refusal("404 Not Found", "BlobNotFound"))]))
        await fails(as: .notFound) { () throws(StorageError) in try await store.delete(someBlob, condition: .any) }
    }

    @Test func `a blob that was put there again is not ours to delete`() async throws {
        let server = try ScriptedServer { request, index in
            if index == 0 { return .close }
            return request.method == "HEAD"
                ? .answer(answer("200 OK", versionHeaders))
                : .answer(refusal("412 Precondition Failed", "ConditionNotMet"))
        }
        let store = try AzureBlobStore.scripted(server)
        await fails(as: .conditionFailed) { () throws(StorageError) in
            try await store.delete(someBlob, condition: .matches(Self.etag))
        }
    }

    @Test func `a container that was created unseen is no surprise`() async throws {
        let server = try ScriptedServer { request, index in
            if index == 0 { return .close }
            return request.method == "HEAD"
                ? .answer(answer("200 OK", versionHeaders))
                : .answer(refusal("409 Conflict", "ContainerAlreadyExists"))
        }
        let version = try await AzureBlobStore.scripted(server).createContainer("jobs", metadata: [:])
        #expect(version.etag == Self.etag)
        let other = try AzureBlobStore.scripted(
            ScriptedServer([.answer(refusal("409 Conflict", "ContainerAlreadyExists"))])
        )
        await fails(as: .alreadyExists) { () throws(StorageError) in
            _ = try await other.createContainer("jobs", metadata: [:])
        }
    }

    @Test func `a container's name is waited for while its deletion ends`() async throws {
        let time = ManualTime()
        let server = try ScriptedServer { _, index in
            index < 3 ? .answer(refusal("409 Conflict", "ContainerBeingDeleted")) : Self.created
        }
        let store = try AzureBlobStore.scripted(server, surroundings: time.surroundings())
        _ = try await store.createContainer("jobs", metadata: [:])
        #expect(time.slept.count == 3)
        let never = try ScriptedServer([.answer(refusal("409 Conflict", "ContainerBeingDeleted"))])
        let other = try AzureBlobStore.scripted(never, surroundings: ManualTime().surroundings())
        await fails(as: .containerBeingDeleted) { () throws(StorageError) in
            _ = try await other.createContainer("jobs", metadata: [:])
        }
    }

    @Test func `a change under If-Match that was carried out unseen is recognised by what it changed`() async throws {
        func server(_ headers: [String]) throws -> ScriptedServer {
            try ScriptedServer { request, index in
                if index == 0 { return .close }
                return request.method == "HEAD"
                    ? .answer(answer("200 OK", versionHeaders + headers))
                    : .answer(refusal("412 Precondition Failed", "ConditionNotMet"))
            }
        }
        let done = try AzureBlobStore.scripted(server(["x-ms-meta-mode: 0644"]))
        _ = try await done.setMetadata(["mode": "0644"], of: someBlob, condition: .matches(Self.etag))
        let other = try AzureBlobStore.scripted(server(["x-ms-meta-mode: 0600"]))
        await fails(as: .conditionFailed) { () throws(StorageError) in
            _ = try await other.setMetadata(["mode": "0644"], of: someBlob, condition: .matches(Self.etag))
        }
        let typed = try AzureBlobStore.scripted(server(["Content-Type: text/plain"]))
        _ = try await typed.setProperties(
            BlobHeaders(contentType: "text/plain"),
            of: someBlob,
            condition: .matches(Self.etag)
        )
    }

    // MARK: Credentials

    @Test func `learns the service's clock once and signs again`() async throws {
        // The server's Date says 2026-11-11 09:30; the machine is an hour behind.
        let server = try ScriptedServer { request, _ in
            request.headers["x-ms-date"] == "Wed, 11 Nov 2026 09:30:00 GMT"
                ? .answer(answer("200 OK", versionHeaders))
                : .answer(refusal("403 Forbidden", "AuthenticationFailed"))
        }
        let store = try AzureBlobStore.scripted(
            server,
            credential: .sharedKey(ConnectionString.developmentKey),
            surroundings: ManualTime().surroundings(wallClock: { 1_794_389_400 - 3600 })
        )
        _ = try await store.properties(of: someBlob)
        #expect(server.received.count == 2)
        #expect(store.counters.clockOffset == 3600)
        _ = try await store.properties(of: someBlob)
        #expect(server.received.count == 3)
    }

    @Test func `a wrong key is not tried again`() async throws {
        let server = try ScriptedServer([.answer(refusal("403 Forbidden", "AuthenticationFailed"))])
        let store = try AzureBlobStore.scripted(server, credential: .sharedKey(ConnectionString.developmentKey))
        await fails(as: .unauthenticated) { () throws(StorageError) in _ = try await store.properties(of: someBlob) }
        #expect(server.received.count == 1)
    }

    @Test func `a refused token is renewed once, for requests and for reads`() async throws {
        let server = try ScriptedServer { request, _ in
            request.headers["authorization"] == "Bearer new"
                ? .answer(answer("200 OK", versionHeaders, body: request.method == "GET" ? "12345" : ""))
                : .answer(refusal("401 Unauthorized", "InvalidAuthenticationInfo"))
        }
        let refusedTokens = Mutex<[String?]>([])
        let credential = Credential.bearer(
            ScriptedSource { refused in
                refusedTokens.withLock { $0.append(refused?.revealed()) }
                return .success(Secret(refused == nil ? "old" : "new"))
            }
        )
        let store = try AzureBlobStore.scripted(server, credential: credential)
        _ = try await store.properties(of: someBlob)
        let read = try await store.readBytes(someBlob, 0..<5)
        #expect(read.bytes == Array("12345".utf8))
        #expect(refusedTokens.withLock { $0 } == [nil, "old", nil, "old"])
        #expect(server.received.count == 4)
    }

    @Test func `a cancelled task ends its request`() async throws {
        let server = try ScriptedServer([.stall])
        let store = try AzureBlobStore.scripted(server)
        let task = Task { try await store.properties(of: someBlob) }
        while server.received.isEmpty { await Task.yield() }
        task.cancel()
        await #expect { try await task.value } throws: { ($0 as? StorageError)?.kind == .cancelled }
    }
}
