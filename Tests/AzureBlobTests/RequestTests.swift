import BlobStorage
import Testing

@testable import AzureBlob

/// Each request as it goes out, without date, version, id and authorization.
private func rendered(_ request: StorageRequest) -> [String] {
    let query = request.encodedQuery
    var lines = ["\(request.method.rawValue) \(request.path)\(query.isEmpty ? "" : "?" + query)"]
    lines.append(contentsOf: request.headers.map { "\($0.name): \($0.value)" })
    if let length = request.contentLength { lines.append("Content-Length: \(length)") }
    return lines
}

struct RequestTests {
    private let headers: BlobHeaders = {
        var headers = BlobHeaders(
            contentType: "text/plain",
            contentMD5: "XrY7u+Ae7tCTyyK7j1rNww==",
            metadata: ["Mode": "0644"]
        )
        headers.contentEncoding = "gzip"
        return headers
    }()
    private let etag = ETag("\"0x1\"")

    @Test func `containers`() {
        #expect(
            rendered(
                .listContainers(
                    ContainerQuery(prefix: "job-", includesMetadata: true, pageSize: 2),
                    after: ListMarker("a/b")
                )
            )
                == ["GET ?comp=list&prefix=job-&marker=a%2Fb&maxresults=2&include=metadata"]
        )
        #expect(
            rendered(.createContainer("jobs", metadata: ["owner": "a"]))
                == ["PUT /jobs?restype=container", "x-ms-meta-owner: a", "Content-Length: 0"]
        )
        #expect(rendered(.properties(ofContainer: "jobs")) == ["HEAD /jobs?restype=container"])
        #expect(
            rendered(.setMetadata([:], ofContainer: "jobs"))
                == ["PUT /jobs?restype=container&comp=metadata", "Content-Length: 0"]
        )
        #expect(rendered(.deleteContainer("jobs", unmodifiedSince: nil)) == ["DELETE /jobs?restype=container"])
        #expect(
            rendered(.deleteContainer("jobs", unmodifiedSince: 1_700_000_000)) == [
                "DELETE /jobs?restype=container", "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
            ]
        )
    }

    @Test func `listing blobs puts everything to include into one parameter`() {
        let query = BlobQuery(
            container: "jobs",
            prefix: "run 1/",
            delimiter: "/",
            includesMetadata: true,
            includesUncommitted: true,
            pageSize: 5000
        )
        #expect(
            rendered(.listBlobs(query, after: ListMarker("2!88!MDA=")))
                == [
                    "GET /jobs?restype=container&comp=list&prefix=run%201%2F&delimiter=%2F&marker=2%2188%21MDA%3D"
                        + "&maxresults=5000&include=metadata%2Cuncommittedblobs"
                ]
        )
        #expect(
            rendered(.listBlobs(BlobQuery(container: "jobs"), after: nil)) == ["GET /jobs?restype=container&comp=list"]
        )
    }

    @Test func `reading`() {
        #expect(rendered(.properties(of: someBlob)) == ["HEAD /jobs/out/a.bin"])
        #expect(
            rendered(.getBlob(someBlob, range: 10..<20, condition: .matches(etag), verification: .crc64))
                == [
                    "GET /jobs/out/a.bin", "x-ms-range: bytes=10-19", "x-ms-range-get-content-crc64: true",
                    "If-Match: \"0x1\"",
                ]
        )
        #expect(
            rendered(.getBlob(someBlob, range: 0..<1, condition: .any, verification: .md5))
                == ["GET /jobs/out/a.bin", "x-ms-range: bytes=0-0", "x-ms-range-get-content-md5: true"]
        )
    }

    @Test func `putting whole blobs`() {
        let put = StorageRequest.putBlob(
            someBlob,
            byteCount: 9,
            checksum: .crc64(0xae8b_1486_0a79_9888),
            headers: headers,
            condition: .absent
        )
        #expect(
            rendered(put)
                == [
                    "PUT /jobs/out/a.bin", "x-ms-blob-type: BlockBlob", "Content-Type: application/octet-stream",
                    "x-ms-content-crc64: iJh5CoYUi64=", "x-ms-blob-content-type: text/plain",
                    "x-ms-blob-content-encoding: gzip", "x-ms-blob-content-md5: XrY7u+Ae7tCTyyK7j1rNww==",
                    "x-ms-meta-mode: 0644", "If-None-Match: *", "Content-Length: 9",
                ]
        )
        #expect(
            rendered(.createAppendBlob(someBlob, headers: BlobHeaders(), condition: .any))
                == [
                    "PUT /jobs/out/a.bin", "x-ms-blob-type: AppendBlob",
                    "x-ms-blob-content-type: application/octet-stream", "Content-Length: 0",
                ]
        )
    }

    @Test func `blocks`() {
        let id = BlockID(base64: "AAAA+/8=")
        let md5: [UInt8] = [
            0x5E, 0xB6, 0x3B, 0xBB, 0xE0, 0x1E, 0xEE, 0xD0, 0x93, 0xCB, 0x22, 0xBB, 0x8F, 0x5A, 0xCD, 0xC3,
        ]
        #expect(
            rendered(.putBlock(id, of: someBlob, byteCount: 11, checksum: .md5(md5)))
                == [
                    "PUT /jobs/out/a.bin?comp=block&blockid=AAAA%2B%2F8%3D", "Content-Type: application/octet-stream",
                    "Content-MD5: XrY7u+Ae7tCTyyK7j1rNww==", "Content-Length: 11",
                ]
        )
        let fromURL = StorageRequest.putBlockFromURL(
            id,
            of: someBlob,
            from: BlobAddress(container: "jobs", name: "b"),
            range: 0..<100,
            sourceCondition: .matches(etag)
        )
        #expect(
            rendered(fromURL)
                == [
                    "PUT /jobs/out/a.bin?comp=block&blockid=AAAA%2B%2F8%3D", "x-ms-source-range: bytes=0-99",
                    "x-ms-source-if-match: \"0x1\"", "Content-Length: 0",
                ]
        )
        #expect(
            rendered(
                .putBlockList(
                    of: someBlob,
                    byteCount: 70,
                    checksum: .crc64(1),
                    headers: BlobHeaders(),
                    condition: .matches(etag)
                )
            )
                == [
                    "PUT /jobs/out/a.bin?comp=blocklist", "Content-Type: application/xml",
                    "x-ms-content-crc64: AQAAAAAAAAA=",
                    "x-ms-blob-content-type: application/octet-stream", "If-Match: \"0x1\"", "Content-Length: 70",
                ]
        )
        #expect(rendered(.blockList(of: someBlob)) == ["GET /jobs/out/a.bin?comp=blocklist&blocklisttype=all"])
        #expect(
            BlockListXML.text([
                .latest(BlockID(base64: "AAAA")), .committed(BlockID(base64: "AAAB")),
                .uncommitted(BlockID(base64: "AAAC")),
            ])
                == "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>AAAA</Latest>"
                + "<Committed>AAAB</Committed><Uncommitted>AAAC</Uncommitted></BlockList>"
        )
    }

    @Test func `appending names its position`() {
        #expect(
            rendered(.appendBlock(to: someBlob, at: 77, byteCount: 3, checksum: .none))
                == [
                    "PUT /jobs/out/a.bin?comp=appendblock", "x-ms-blob-condition-appendpos: 77",
                    "Content-Type: application/octet-stream", "Content-Length: 3",
                ]
        )
    }

    @Test func `changing and deleting`() {
        #expect(
            rendered(.setMetadata(["a": "1"], of: someBlob, condition: .matches(etag)))
                == ["PUT /jobs/out/a.bin?comp=metadata", "x-ms-meta-a: 1", "If-Match: \"0x1\"", "Content-Length: 0"]
        )
        #expect(
            rendered(.setProperties(headers, of: someBlob, condition: .any))
                == [
                    "PUT /jobs/out/a.bin?comp=properties", "x-ms-blob-content-type: text/plain",
                    "x-ms-blob-content-encoding: gzip", "x-ms-blob-content-md5: XrY7u+Ae7tCTyyK7j1rNww==",
                    "Content-Length: 0",
                ]
        )
        #expect(
            rendered(.delete(someBlob, condition: .matches(etag)))
                == ["DELETE /jobs/out/a.bin", "x-ms-delete-snapshots: include", "If-Match: \"0x1\""]
        )
        let copy = StorageRequest.copyBlobFromURL(
            from: someBlob,
            to: BlobAddress(container: "jobs", name: "b"),
            sourceCondition: .matches(etag),
            metadata: ["a": "1"],
            condition: .absent
        )
        #expect(
            rendered(copy)
                == [
                    "PUT /jobs/b", "x-ms-requires-sync: true", "x-ms-source-if-match: \"0x1\"", "x-ms-meta-a: 1",
                    "If-None-Match: *", "Content-Length: 0",
                ]
        )
    }

    @Test(arguments: [
        ("run 01/日本 #a+b.txt", "/c/run%2001/%E6%97%A5%E6%9C%AC%20%23a%2Bb.txt"),
        ("a%20b", "/c/a%2520b"), ("a?b&c=d", "/c/a%3Fb%26c%3Dd"), ("dir//x~_-.y", "/c/dir//x~_-.y"),
        ("e\u{301}", "/c/e%CC%81"), ("é", "/c/%C3%A9"), ("'\"<>|:*", "/c/%27%22%3C%3E%7C%3A%2A"),
    ])
    func `names become paths by their bytes`(name: String, path: String) {
        #expect(StorageRequest.properties(of: BlobAddress(container: "c", name: name)).path == path)
        #expect(PercentEncoding.decode(path) == "/c/" + name)
    }

    @Test(arguments: ["%", "%4", "%zz", "a%F", "%FF"])
    func `broken percent-encodings are not decoded`(text: String) {
        #expect(PercentEncoding.decode(text) == nil)
    }
}

struct RequestRulesTests {
    private func problem(_ request: StorageRequest) -> StorageError? {
        do throws(StorageError) {
            try RequestRules.check(request)
            return nil
        } catch { return error }
    }

    @Test(arguments: ["ab", "Jobs", "-jobs", "jobs-", "jo--bs", "jo.bs", String(repeating: "a", count: 64), ""])
    func `refuses what is no container's name`(name: String) {
        #expect(problem(.properties(ofContainer: name))?.kind == .invalid)
    }

    @Test(arguments: ["abc", "job-1", "$root", "$logs", String(repeating: "a", count: 63)])
    func `takes containers' names`(name: String) {
        #expect(problem(.properties(ofContainer: name)) == nil)
    }

    @Test(arguments: ["", ".", "a/../b", "a/./b", String(repeating: "x", count: 1025)])
    func `refuses names that cannot be addressed`(name: String) {
        let blob = BlobAddress(container: "jobs", name: name)
        #expect(problem(.properties(of: blob))?.kind == .invalid)
    }

    @Test(arguments: ["a.", "a./b", "a\\b", "a\u{1}b", "a\nb", "a\u{7F}"])
    func `refuses to create what would become another name, but reads it`(name: String) {
        let blob = BlobAddress(container: "jobs", name: name)
        let put = StorageRequest.putBlob(blob, byteCount: 0, checksum: .none, headers: BlobHeaders(), condition: .any)
        #expect(problem(put)?.kind == .invalid)
        #expect(problem(.properties(of: blob)) == nil)
        #expect(problem(.delete(blob, condition: .any)) == nil)
    }

    @Test(arguments: ["é", "a\r\nx-ms-evil: 1", "tab\there", " leading", "trailing ", "\u{0}"])
    func `refuses metadata values that would not arrive`(value: String) {
        let error = problem(.setMetadata(["note": value], of: someBlob, condition: .any))
        #expect(error?.kind == .invalid)
        #expect(error?.message.contains("note") == true)
    }

    @Test(arguments: ["1a", "a-b", "a b", "é", ""])
    func `refuses metadata names that are no identifiers`(name: String) {
        var metadata: BlobMetadata = [:]
        metadata[name] = "x"
        #expect(problem(.setMetadata(metadata, of: someBlob, condition: .any))?.kind == .invalid)
    }
}
