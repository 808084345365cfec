import BlobStorage
import Testing

@testable import AzureBlob

struct CopyPlanTests {
    private let upload = [UInt8](repeating: 0xAB, count: 16)

    @Test func `copies by the way the size allows`() {
        #expect(CopyPlan(length: 0, type: .block, upload: upload) == .empty)
        #expect(CopyPlan(length: 0, type: .append, upload: upload) == .empty)
        #expect(CopyPlan(length: 1, type: .block, upload: upload) == .whole)
        #expect(CopyPlan(length: 256 << 20, type: .block, upload: upload) == .whole)
        for plan in [
            CopyPlan(length: (256 << 20) + 1, type: .block, upload: upload),
            CopyPlan(length: 1, type: .append, upload: upload),
        ] {
            guard case .blocks = plan else {
                Issue.record("\(plan)")
                continue
            }
        }
    }

    @Test(arguments: [(256 << 20) + 1, 64 << 30, 190 << 40] as [UInt64])
    func `pieces cover the blob without gap, in blocks that the service takes`(length: UInt64) {
        guard case .blocks(let pieces) = CopyPlan(length: length, type: .block, upload: upload) else {
            Issue.record("not in blocks")
            return
        }
        #expect(pieces.count <= 50_000)
        #expect(pieces.first?.range.lowerBound == 0)
        #expect(pieces.last?.range.upperBound == length)
        #expect(zip(pieces, pieces.dropFirst()).allSatisfy { $0.range.upperBound == $1.range.lowerBound })
        #expect(pieces.allSatisfy { !$0.range.isEmpty && $0.range.count <= 4000 << 20 })
        #expect(Set(pieces.map(\.id)).count == pieces.count)
        #expect(pieces.allSatisfy { $0.id.base64.utf8.count == 28 })
    }
}

@Suite(.timeLimit(.minutes(5)))
struct CopyTests {
    private let destination = BlobAddress(container: "jobs", name: "b")

    private func server(length: Int) throws -> ScriptedServer {
        try ScriptedServer { request, _ in
            if request.method == "HEAD" {
                let headers = [
                    "Content-Type: text/plain", "x-ms-meta-mode: 0644", "x-ms-meta-outputfs_upload: 00",
                    "x-ms-blob-type: BlockBlob",
                ]
                return .answer(answer("200 OK", versionHeaders + headers, length: length))
            }
            return request.headers["x-ms-requires-sync"] == nil
                ? .answer(answer("201 Created", versionHeaders))
                : .answer(answer("202 Accepted", versionHeaders + ["x-ms-copy-status: success"]))
        }
    }

    private func copy(_ server: ScriptedServer, metadata: BlobMetadata?) async throws -> [ScriptedServer.Received] {
        let store = try AzureBlobStore.scripted(server, credential: .sas(Secret("sv=1&sig=s%2B")))
        let copy = try await store.copy(
            someBlob,
            sourceCondition: .any,
            to: destination,
            metadata: metadata,
            condition: .absent
        )
        #expect(copy.version.etag == ETag("\"0x1\""))
        return server.received
    }

    @Test func `one request copies what is small, pinned to the version that was seen`() async throws {
        let server = try server(length: 5)
        let received = try await copy(server, metadata: nil)
        #expect(received.map(\.method) == ["HEAD", "PUT"])
        let put = received[1]
        #expect(put.target == "/jobs/b?sv=1&sig=s%2B")
        #expect(put.headers["x-ms-copy-source"] == "http://127.0.0.1:\(server.port)/jobs/out/a.bin?sv=1&sig=s%2B")
        #expect(put.headers["x-ms-source-if-match"] == "\"0x1\"")
        #expect(put.headers["if-none-match"] == "*")
        #expect(put.headers["x-ms-meta-mode"] == "0644")
        // A mark of its own, not the source's.
        #expect(put.headers["x-ms-meta-outputfs_upload"]?.count == 32)
    }

    @Test func `metadata that is given replaces the source's, also with nothing`() async throws {
        let put = try await copy(server(length: 5), metadata: [:])[1]
        #expect(put.headers.keys.filter { $0.hasPrefix("x-ms-meta-") } == ["x-ms-meta-outputfs_upload"])
    }

    @Test func `an empty blob is put, with what the source had`() async throws {
        let put = try await copy(server(length: 0), metadata: nil)[1]
        #expect(put.headers["x-ms-copy-source"] == nil)
        #expect(put.headers["x-ms-blob-type"] == "BlockBlob")
        #expect(put.headers["x-ms-blob-content-type"] == "text/plain")
        #expect(put.headers["x-ms-meta-mode"] == "0644")
        #expect(put.headers["content-length"] == "0")
    }

    @Test func `a large blob is put together from blocks and appears at once`() async throws {
        let length = 700 << 20
        let received = try await copy(server(length: length), metadata: nil)
        let blocks = received.filter { $0.target.contains("comp=block&") }
        #expect(blocks.count == 11)
        #expect(Set(blocks.compactMap { $0.headers["x-ms-source-range"] }).contains("bytes=671088640-\(length - 1)"))
        #expect(blocks.allSatisfy { $0.headers["x-ms-source-if-match"] == "\"0x1\"" })
        let commit = try #require(received.last)
        #expect(commit.target.contains("comp=blocklist"))
        #expect(commit.headers["x-ms-blob-content-type"] == "text/plain")
        #expect(commit.headers["x-ms-meta-mode"] == "0644")
        #expect(commit.headers["if-none-match"] == "*")
    }

    @Test func `a block that fails fails the copy, and nothing is committed`() async throws {
        let server = try ScriptedServer { request, index in
            if request.method == "HEAD" { return .answer(answer("200 OK", versionHeaders, length: 700 << 20)) }
            return request.target.contains("comp=block&")
                ? .answer(refusal("412 Precondition Failed", "SourceConditionNotMet")) : .close
        }
        await #expect {
            try await self.copy(server, metadata: nil)
        } throws: { ($0 as? StorageError)?.kind == .conditionFailed }
        #expect(!server.received.contains { $0.target.contains("comp=blocklist") })
    }

    @Test func `limits are kept before anything is sent`() async throws {
        let server = try ScriptedServer([.close])
        let store = try AzureBlobStore.scripted(server)
        func kind(_ operation: () async throws(StorageError) -> Void) async -> StorageError.Kind? {
            do throws(StorageError) {
                try await operation()
                return nil
            } catch { return error.kind }
        }
        let huge = UploadBody(byteCount: 5_001 << 20, checksum: .none) { _, _ in nil }
        let id = BlockID(base64: "AAAA")
        #expect(
            await kind { () throws(StorageError) in
                _ = try await store.putBlob(someBlob, huge, headers: BlobHeaders(), condition: .any)
            } == .tooLarge
        )
        #expect(await kind { () throws(StorageError) in try await store.putBlock(id, of: someBlob, huge) } == .tooLarge)
        #expect(
            await kind { () throws(StorageError) in try await store.putBlock(id, of: someBlob, .empty) } == .invalid
        )
        #expect(
            await kind { () throws(StorageError) in _ = try await store.append(huge, to: someBlob, at: 0) } == .tooLarge
        )
        #expect(
            await kind { () throws(StorageError) in _ = try await store.append(.empty, to: someBlob, at: 0) }
                == .invalid
        )
        let list = [BlockReference](repeating: .latest(id), count: 50_001)
        #expect(
            await kind { () throws(StorageError) in
                _ = try await store.putBlockList(list, of: someBlob, headers: BlobHeaders(), condition: .any)
            } == .tooLarge
        )
        #expect(
            await kind { () throws(StorageError) in try await store.delete(someBlob, condition: .absent) } == .invalid
        )
        #expect(server.received.isEmpty)
    }
}
