import BlobStorage
import Logging
import Synchronization
import Testing

@testable import AzureBlob

/// A SAS that expires, and one that somebody renews in its file.
@Suite(.timeLimit(.minutes(1)))
struct HeldSASTests {
    private static let now: Int64 = 1_794_389_400  // 2026-11-11T09:30:00Z

    @Test(arguments: [
        ("sv=1&se=2026-11-11T10%3A30%3A00Z&sig=x", 3600), ("?sv=1&se=2026-11-11T10:30:00Z&sig=x", 3600),
        ("se=2026-11-11T09:40Z&sig=x", 600), ("se=2026-11-12&sig=x", 52_200),
        ("se=2026-11-13T00:00:00Z&ske=2026-11-11T09:30:30.1234567Z&sig=x", 30),
    ])
    func `the end is the sooner one of signature and key`(_ token: String, _ seconds: Int64) {
        #expect(SASTerm(Secret(token)).expiry == Self.now + seconds)
    }

    @Test(arguments: ["si=policy&sig=x", "se=soon&sig=x", "se=2026-13-01&sig=x", "se=2026-02-30T00:00Z&sig=x", ""])
    func `what does not tell its end has none`(_ token: String) {
        #expect(SASTerm(Secret(token)).expiry == nil)
    }

    @Test(arguments: [
        ("sv=1&sig=abc%3D", true), ("?sv=1&sig=a", true), ("sv=1&sig=", false), ("sv=1", false), ("a b&sig=x", false),
    ])
    func `half a SAS is none`(_ text: String, _ isOne: Bool) {
        #expect(SASTerm.isSAS(text) == isOne)
    }

    @Test func `how long it is good can be asked, and is never less than nothing`() {
        var surroundings = Surroundings.system
        surroundings.wallClock = { Self.now }
        let logger = Logger(label: "sas") { _ in SwiftLogNoOpLogHandler() }
        let remaining = ["se=2026-11-11T10:30:00Z&sig=x", "se=2026-11-11T09:00:00Z&sig=x", "si=policy&sig=x"].map {
            Credential.changingSAS(HeldSAS(Secret($0), file: nil, surroundings: surroundings, logger: logger)).remaining
        }
        #expect(remaining == [.seconds(3600), .zero, nil])
    }

    /// What a logger was told.
    private final class Lines: LogHandler, Sendable {
        let lines = Mutex<[String]>([])
        var metadata: Logger.Metadata {
            get { [:] }
            set { _ = newValue }
        }
        var logLevel: Logger.Level {
            get { .trace }
            set { _ = newValue }
        }
        subscript(metadataKey _: String) -> Logger.Metadata.Value? {
            get { nil }
            set { _ = newValue }
        }

        func log(event: LogEvent) {
            lines.withLock { $0.append("\(event.level): \(event.message)") }
        }

        var all: [String] { lines.withLock { $0 } }
    }

    @Test func `it warns a day, an hour and five minutes before, and says when it is over, once each`() {
        final class Clock: Sendable { let now = Mutex<Int64>(0) }
        let clock = Clock()
        let lines = Lines()
        var surroundings = Surroundings.system
        surroundings.wallClock = { clock.now.withLock { $0 } }
        let held = HeldSAS(
            Secret("se=2026-11-13T09:30:00Z&sig=hunter2"),
            file: nil,
            surroundings: surroundings,
            logger: Logger(label: "test") { _ in lines }
        )
        let end = Self.now + 2 * 86_400
        for seconds in [100_000, 86_401, 86_400, 80_000, 3_601, 3_599, 2_000, 300, 200, 0, -5] as [Int64] {
            clock.now.withLock { $0 = end - seconds }
            #expect(held.ready() == Secret("se=2026-11-13T09:30:00Z&sig=hunter2"))
        }
        #expect(lines.all.count == 4)
        #expect(lines.all.last?.hasPrefix("error: the SAS expired at 2026-11-13T09:30:00Z") == true)
        #expect(lines.all.first?.contains("in 1440 min") == true)
        #expect(!lines.all.contains { $0.contains("hunter2") })
    }

    @Test func `a refused one is replaced by what stands in the file now`() async throws {
        let server = try ScriptedServer { request, _ in
            request.target.contains("sig=new") && request.target.contains("comp=properties") == false
                ? .answer(answer("200 OK", versionHeaders, body: request.method == "GET" ? "12345" : ""))
                : .answer(refusal("403 Forbidden", "AuthenticationFailed"))
        }
        let reads = Mutex(0)
        let content = Mutex("sv=1&sig=old")
        let file = HeldSAS.File(path: "/sas") {
            reads.withLock { $0 += 1 }
            return .success(Secret(content.withLock { $0 }))
        }
        let lines = Lines()
        // Ten seconds of a loaded machine would be a look of their own.
        let held = HeldSAS(
            Secret("?sv=1&sig=old"),
            file: file,
            surroundings: ManualTime().surroundings(),
            logger: Logger(label: "test") { _ in lines }
        )
        let store = try AzureBlobStore.scripted(server, credential: .changingSAS(held))
        // Nobody has put a new one there: the refusal stands, after one look.
        await #expect { try await store.properties(of: someBlob) } throws: { ($0 as? StorageError)?.status == 403 }
        #expect(server.received.count == 1)
        #expect(reads.withLock { $0 } == 1)
        content.withLock { $0 = "sv=1&sig=new" }
        let read = try await store.readBytes(someBlob, 0..<5)
        #expect(read.bytes == Array("12345".utf8))
        _ = try await store.properties(of: someBlob)
        #expect(server.received.map { $0.target.contains("sig=new") } == [false, false, true, true])
        #expect(lines.all.contains { $0.contains("a new SAS was taken from /sas") })
    }

    @Test func `a file that became nonsense changes nothing, and is told once`() async {
        let lines = Lines()
        let file = HeldSAS.File(path: "/sas") { .failure(SignInFailure(.refused, "/sas is empty")) }
        let held = HeldSAS(Secret("sv=1&sig=old"), file: file, logger: Logger(label: "test") { _ in lines })
        for _ in 0..<3 {
            let answer = await held.secret(refused: Secret("sv=1&sig=old"))
            #expect((try? answer.get()) == Secret("sv=1&sig=old"))
        }
        #expect(lines.all.count { $0.contains("/sas is empty") } == 1)
    }

    @Test func `the file is looked at again every ten seconds of use`() async throws {
        let time = ManualTime()
        let reads = Mutex(0)
        let file = HeldSAS.File(path: "/sas") {
            reads.withLock { $0 += 1 }
            return .success(Secret("sv=1&sig=new"))
        }
        let held = HeldSAS(
            Secret("sv=1&sig=old"),
            file: file,
            surroundings: time.surroundings(),
            logger: Logger(label: "test")
        )
        for _ in 0..<9 {
            try await time.surroundings().sleep(.seconds(1))
            #expect(held.ready() == Secret("sv=1&sig=old"))
        }
        #expect(reads.withLock { $0 } == 0)
        try await time.surroundings().sleep(.seconds(1))
        #expect(held.ready() != nil)
        while held.ready() != Secret("sv=1&sig=new") { await Task.yield() }
        #expect(reads.withLock { $0 } == 1)
    }

    @Test func `copies carry the SAS of the moment in their source`() throws {
        let held = HeldSAS(Secret("?sv=1&sig=x"), file: nil, logger: Logger(label: "test"))
        let authorizer = try RequestAuthorizer(
            account: StorageAccount(name: "acc"),
            credential: .changingSAS(held),
            wallClock: { 0 }
        )
        let request = StorageRequest.putBlockFromURL(
            .init(base64: "AAAA"),
            of: someBlob,
            from: someBlob,
            range: 0..<1,
            sourceCondition: .any
        )
        let sent = authorizer.authorize(request, requestID: "id", token: held.ready())
        #expect(sent.url.hasSuffix("&sv=1&sig=x"))
        #expect(sent.headers.first { $0.hasName("x-ms-copy-source") }?.value.hasSuffix("?sv=1&sig=x") == true)
        #expect(!sent.headers.contains { $0.hasName("Authorization") || $0.hasName("x-ms-copy-source-authorization") })
    }
}
