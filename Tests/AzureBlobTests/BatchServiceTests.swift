import BlobStorage
import Synchronization
import Testing

@testable import AzureBlob

/// The questions to the Batch service, against a server that says what is written here.
@Suite(.timeLimit(.minutes(1)))
struct BatchServiceTests {
    private static let key = "YSBrZXkgb2YgdGhlIEJhdGNoIGFjY291bnQ="

    private static func answer(_ status: String, _ body: String, _ headers: String = "") -> ScriptedServer.Reaction {
        .answer("HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private static func service(
        _ server: ScriptedServer,
        _ credential: BatchAccount.Credential = .sharedKey(Secret(key))
    ) throws -> BatchService {
        var surroundings = Surroundings.system
        surroundings.sleep = { _ in }
        surroundings.wallClock = { 1_795_256_000 }
        let account = try BatchAccount(url: "http://127.0.0.1:\(server.port)", name: "crunch", credential: credential)
        return try BatchService(account, pageSize: 2, surroundings: surroundings)
    }

    @Test func `pages are followed to the end`() async throws {
        let port = Mutex<UInt16>(0)
        let server = try ScriptedServer { _, number in
            let next =
                #","odata.nextLink":"http://127.0.0.1:\#(port.withLock { $0 })/jobs?api-version=1&%24skiptoken=a%2Fb""#
            return Self.answer(
                "200 OK",
                #"{"value":[{"id":"job-\#(number)","state":"active"}]\#(number < 2 ? next : "")}"#
            )
        }
        port.withLock { $0 = server.port }
        let jobs = try await Self.service(server).jobs()
        #expect(jobs.map(\.id) == ["job-0", "job-1", "job-2"])
        #expect(server.received.map(\.target).dropFirst().allSatisfy { $0 == "/jobs?api-version=1&%24skiptoken=a%2Fb" })
        #expect(server.received[0].target.contains("maxresults=2"))
        #expect(!server.received[0].target.contains("commonEnvironment"))
    }

    @Test func `a page that is said to be on another machine is not asked for`() async throws {
        let server = try ScriptedServer { _, _ in
            Self.answer("200 OK", #"{"value":[],"odata.nextLink":"http://127.0.0.1.evil.example/jobs?x=1"}"#)
        }
        let error = await #expect(throws: StorageError.self) { try await Self.service(server).jobs() }
        #expect(error?.kind == .unexpected)
        #expect(server.received.count == 1)
    }

    @Test func `the ids of scheduled jobs are one segment of the path`() async throws {
        let server = try ScriptedServer { _, _ in Self.answer("200 OK", #"{"id":"t","state":"running"}"#) }
        let task = try await Self.service(server).task("t", ofJob: "nightly:job-7")
        #expect(task?.state == "running")
        #expect(server.received[0].target.hasPrefix("/jobs/nightly%3Ajob-7/tasks/t?"))
    }

    @Test func `a task that is not there is none, and no error`() async throws {
        let server = try ScriptedServer { _, _ in Self.answer("404 Not Found", #"{"code":"TaskNotFound"}"#) }
        #expect(try await Self.service(server).task("t", ofJob: "j") == nil)
    }

    @Test func `a busy service is asked three times, and says why in the end`() async throws {
        let server = try ScriptedServer { _, _ in
            Self.answer(
                "503 Busy",
                #"{"code":"ServerBusy","message":{"value":"Too much.\nRequestId:1"}}"#,
                "Retry-After: 1\r\n"
            )
        }
        let error = await #expect(throws: StorageError.self) { try await Self.service(server).jobs() }
        #expect(server.received.count == 3)
        #expect(error?.kind == .throttled)
        #expect((error?.code, error?.message) == ("ServerBusy", "Too much."))
    }

    @Test func `a refusal is not asked again and repeats no secret`() async throws {
        let server = try ScriptedServer { _, _ in Self.answer("403 Forbidden", #"{"code":"AuthenticationFailed"}"#) }
        let error = await #expect(throws: StorageError.self) { try await Self.service(server).jobs() }
        #expect(server.received.count == 1)
        #expect(error.map { !"\($0)".contains(Self.key) } == true)
        #expect(server.received[0].headers["authorization"]?.hasPrefix("SharedKey crunch:") == true)
        #expect(server.received[0].headers["ocp-date"] != nil)
    }

    @Test func `a token is asked for every request`() async throws {
        let server = try ScriptedServer { _, _ in Self.answer("200 OK", #"{"value":[]}"#) }
        let service = try Self.service(server, .bearer(Tokens()))
        _ = try await service.jobs()
        _ = try await service.jobs()
        #expect(server.received.map { $0.headers["authorization"] } == ["Bearer token-1", "Bearer token-2"])
    }

    @Test func `a token that is refused is renewed once`() async throws {
        let server = try ScriptedServer { _, number in
            number == 0 ? Self.answer("401 Unauthorized", "{}") : Self.answer("200 OK", #"{"value":[]}"#)
        }
        _ = try await Self.service(server, .bearer(Tokens())).jobs()
        #expect(server.received.count == 2)
        #expect(server.received[0].headers["authorization"] != server.received[1].headers["authorization"])

        let stubborn = try ScriptedServer { _, _ in Self.answer("401 Unauthorized", "{}") }
        let error = await #expect(throws: StorageError.self) {
            try await Self.service(stubborn, .bearer(Tokens())).jobs()
        }
        #expect(error?.status == 401)
        #expect(stubborn.received.count == 2)
    }

    @Test func `what is signed is the method, empty lines, the date, and the resource with its query in order`() {
        let text = BatchSharedKey.stringToSign(
            account: "crunch",
            path: "/jobs/a%3Ab/tasks",
            query: [("maxresults", "2"), ("$select", "id,state"), ("api-version", "v")],
            date: "Sat, 21 Nov 2026 10:00:00 GMT"
        )
        let expected =
            "GET" + String(repeating: "\n", count: 12)
            + "ocp-date:Sat, 21 Nov 2026 10:00:00 GMT\n/crunch/jobs/a%3Ab/tasks\n"
            + "$select:id,state\napi-version:v\nmaxresults:2"
        #expect(text == expected)
    }

    @Test(arguments: [
        "http://crunch.westeurope.batch.azure.com", "crunch.westeurope.batch.azure.com", "https://a.b/path",
        "https://a.b?x=y", "ftp://a.b", "",
    ])
    func `an account is reached by https and named without path or query`(_ url: String) {
        #expect(throws: AccountError.self) {
            try BatchAccount(url: url, name: nil, credential: .sharedKey(Secret("x")))
        }
    }

    @Test func `the account's name is the first label of its host`() throws {
        let account = try BatchAccount(
            url: "https://crunch.westeurope.batch.azure.com/",
            name: nil,
            credential: .sharedKey(Secret(Self.key))
        )
        #expect((account.name, account.url) == ("crunch", "https://crunch.westeurope.batch.azure.com"))
    }
}

/// Another one whenever it is asked.
private final class Tokens: CredentialSource {
    private let count = Mutex(0)

    func ready() -> Secret? { nil }

    func secret(refused: Secret?) async -> Result<Secret, StorageError> {
        .success(Secret("token-\(count.withLock { count in count += 1; return count })"))
    }
}
