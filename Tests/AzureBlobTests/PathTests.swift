import BlobStorage
import Logging
import Testing

@testable import AzureBlob

/// A hierarchical namespace: requests to the Data Lake endpoint, and answers that are lost on the way.
@Suite(.timeLimit(.minutes(1)))
struct PathTests {
    private static let source = BlobAddress(container: "jobs", name: "out/a b")
    private static let target = BlobAddress(container: "jobs", name: "out/c")
    private static let etag = ETag("\"0x1\"")

    // MARK: Where it goes

    @Test(arguments: [
        ("https://acc.blob.core.windows.net", "https://acc.dfs.core.windows.net"),
        ("https://acc.blob.core.chinacloudapi.cn", "https://acc.dfs.core.chinacloudapi.cn"),
        ("https://acc.z12.blob.storage.azure.net", "https://acc.z12.dfs.storage.azure.net"),
        ("https://acc.privatelink.blob.core.windows.net", "https://acc.privatelink.dfs.core.windows.net"),
        ("http://127.0.0.1:10000/acc", "http://127.0.0.1:10000/acc"),
        ("https://files.example.org", nil),
    ])
    func `the Blob endpoint tells where the Data Lake endpoint is`(blob: String, dataLake: String?) throws {
        let account = StorageAccount(name: "acc", endpoint: try BlobEndpoint(blob))
        #expect(account.dataLakeEndpoint?.description == dataLake)
    }

    private func sent(_ request: StorageRequest, _ credential: Credential = .anonymous) throws -> HTTPRequest {
        try RequestAuthorizer(
            account: StorageAccount(name: "acc", endpoint: BlobEndpoint("https://acc.blob.core.windows.net")),
            credential: credential,
            wallClock: { 0 }
        ).authorize(request, requestID: "id", token: nil)
    }

    private func value(_ name: String, of request: HTTPRequest) -> String? {
        request.headers.first { $0.hasName(name) }?.value
    }

    @Test func `a rename names source, versions and mode`() throws {
        let request = try sent(
            .renamePath(
                Self.source,
                sourceCondition: .matches(Self.etag),
                to: Self.target,
                condition: .absent,
                continuation: "a="
            )
        )
        #expect(request.method == .put)
        #expect(request.url == "https://acc.dfs.core.windows.net/jobs/out/c?mode=posix&continuation=a%3D")
        #expect(value("x-ms-rename-source", of: request) == "/jobs/out/a%20b")
        #expect(value("x-ms-source-if-match", of: request) == "\"0x1\"")
        #expect(value("If-None-Match", of: request) == "*")
        #expect(value("Content-Length", of: request) == "0")
    }

    @Test func `a token goes to both ends of a rename`() throws {
        let request = try sent(
            .renamePath(Self.source, sourceCondition: .any, to: Self.target, condition: .any, continuation: nil),
            .sas(Secret("?sv=1&sig=s%2B"))
        )
        #expect(request.url == "https://acc.dfs.core.windows.net/jobs/out/c?mode=posix&sv=1&sig=s%2B")
        #expect(value("x-ms-rename-source", of: request) == "/jobs/out/a%20b?sv=1&sig=s%2B")
    }

    @Test func `directories are made with their metadata, and removed with or without what is in them`() throws {
        let made = try sent(.createDirectory(Self.target, metadata: ["mode": "0700", "a": "b"]))
        #expect(made.url == "https://acc.dfs.core.windows.net/jobs/out/c?resource=directory")
        #expect(value("x-ms-properties", of: made) == "mode=MDcwMA==,a=Yg==")
        #expect(value("If-None-Match", of: made) == "*")
        let removed = try sent(.deletePath(Self.target, recursively: false, continuation: nil))
        #expect(removed.method == .delete)
        #expect(removed.url == "https://acc.dfs.core.windows.net/jobs/out/c?recursive=false")
        let tree = try sent(.deletePath(Self.target, recursively: true, continuation: "b"))
        #expect(tree.url == "https://acc.dfs.core.windows.net/jobs/out/c?recursive=true&continuation=b")
    }

    @Test func `without an endpoint for it nothing is renamed`() async throws {
        let server = try ScriptedServer { _, _ in .close }
        var account = StorageAccount(name: "acc", endpoint: try BlobEndpoint("http://127.0.0.1:\(server.port)"))
        account.dataLakeEndpoint = nil
        let store = try AzureBlobStore(account: account, credential: .anonymous, logger: Logger(label: "test"))
        await #expect(throws: StorageError.self) {
            try await store.removeDirectory(Self.target, recursively: false)
        }
        #expect(server.received.isEmpty)
    }

    // MARK: What a listing shows

    @Test func `a directory in a listing by level is known with its version`() throws {
        let document = """
            <?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs><BlobPrefix><Name>d/</Name><Properties>\
            <Last-Modified>Wed, 11 Nov 2026 09:30:00 GMT</Last-Modified><Etag>0x1</Etag>\
            <ResourceType>directory</ResourceType></Properties></BlobPrefix><BlobPrefix><Name>e/</Name></BlobPrefix>\
            </Blobs><NextMarker/></EnumerationResults>
            """
        let page = try BlobListing.page(Array(document.utf8))
        guard case .prefix("d/", let properties?) = page.items[0], case .prefix("e/", nil) = page.items[1] else {
            Issue.record("\(page.items)")
            return
        }
        #expect(properties.isDirectory)
        #expect(properties.version == BlobVersion(etag: Self.etag, lastModified: 1_794_389_400))
    }

    // MARK: Lost answers

    /// A store whose first attempt is carried out and not answered, and whose second is `refused`. A HEAD of a path in
    /// `standing` finds it, with that version.
    private func lossy(_ refused: String, standing: [String: String]) throws -> (ScriptedServer, AzureBlobStore) {
        let server = try ScriptedServer { request, number in
            guard request.method == "HEAD" else { return number == 0 ? .close : .answer(refused) }
            guard let etag = standing[request.target] else { return .answer(answer("404 Not Found", [])) }
            let headers = ["ETag: \"\(etag)\"", "Last-Modified: Wed, 11 Nov 2026 09:30:00 GMT"]
            return .answer(answer("200 OK", headers, length: 0))
        }
        return (server, try AzureBlobStore.scripted(server))
    }

    private static let refusals = [
        refusal("404 Not Found", "SourcePathNotFound"), refusal("412 Precondition Failed", "SourceConditionNotMet"),
        refusal("409 Conflict", "PathAlreadyExists"),
    ]

    @Test(arguments: refusals, [RenamedPath.file(etag), .directory(etag)])
    func `a rename whose answer was lost is recognised by the version at the new name`(
        refused: String,
        path: RenamedPath
    ) async throws {
        let (server, store) = try lossy(refused, standing: ["/jobs/out/c": "0x1"])
        let version = try await store.renamePath(Self.source, path, to: Self.target, condition: .absent)
        #expect(version.etag == Self.etag)
        #expect(server.received.map(\.method) == ["PUT", "PUT", "HEAD", "HEAD"])
    }

    @Test(arguments: refusals, [["/jobs/out/c": "0x2"], ["/jobs/out/c": "0x1", "/jobs/out/a%20b": "0x1"], [:]])
    func `what somebody else did is not taken for it`(refused: String, standing: [String: String]) async throws {
        let (_, store) = try lossy(refused, standing: standing)
        await #expect(throws: StorageError.self) {
            try await store.renamePath(Self.source, .file(Self.etag), to: Self.target, condition: .absent)
        }
    }

    @Test func `a first attempt that is refused is refused, and nobody is asked`() async throws {
        let server = try ScriptedServer { _, _ in .answer(refusal("404 Not Found", "SourcePathNotFound")) }
        let store = try AzureBlobStore.scripted(server)
        do throws(StorageError) {
            _ = try await store.renamePath(Self.source, .directory(Self.etag), to: Self.target, condition: .absent)
            Issue.record("it succeeded")
        } catch { #expect(error.kind == .notFound) }
        #expect(server.received.count == 1)
    }

    @Test func `a version that the answer does not tell is asked for`() async throws {
        let server = try ScriptedServer { request, _ in
            request.method == "HEAD"
                ? .answer(answer("200 OK", versionHeaders, length: 0)) : .answer(answer("201 Created", []))
        }
        let store = try AzureBlobStore.scripted(server)
        let version = try await store.renamePath(Self.source, .file(Self.etag), to: Self.target, condition: .any)
        #expect(version.etag == Self.etag)
        #expect(server.received.map(\.method) == ["PUT", "HEAD"])
    }

    // MARK: What the account is

    @Test(arguments: [("true", Namespace.hierarchical), ("false", .flat)])
    func `the account says how it keeps directories`(header: String, namespace: Namespace) async throws {
        let server = try ScriptedServer { _, _ in .answer(answer("200 OK", ["x-ms-is-hns-enabled: \(header)"])) }
        let store = try AzureBlobStore.scripted(server)
        #expect(try await store.detectNamespace(container: "jobs") == namespace)
        #expect(server.received.map(\.target) == ["/jobs?restype=account&comp=properties"])
    }

    @Test(arguments: [
        (answer("200 OK", []), Namespace.hierarchical as Namespace?),
        (refusal("400 Bad Request", "InvalidQueryParameterValue"), .flat),
        (refusal("403 Forbidden", "AuthorizationPermissionMismatch"), nil),
    ])
    func `who may not ask it sees by a listing, or not at all`(listing: String, namespace: Namespace?) async throws {
        let server = try ScriptedServer { request, _ in
            request.target.contains("restype=account")
                ? .answer(refusal("403 Forbidden", "AuthorizationPermissionMismatch")) : .answer(listing)
        }
        let store = try AzureBlobStore.scripted(server)
        #expect(try await store.detectNamespace(container: "jobs") == namespace)
        #expect(try await store.detectNamespace(container: nil) == nil)
    }
}
