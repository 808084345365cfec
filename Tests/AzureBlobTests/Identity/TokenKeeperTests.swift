import BlobStorage
import Logging
import Synchronization
import Testing

@testable import AzureBlob

/// One token for everybody, and one fetch at a time.
@Suite(.timeLimit(.minutes(1)))
struct TokenKeeperTests {
    /// An identity service whose answers a test hands out, when it wants to.
    private final class Desk: Sendable {
        private struct State {
            var count = 0
            var waiting: [CheckedContinuation<Result<AccessToken, SignInFailure>, Never>] = []
            var ready: [Result<AccessToken, SignInFailure>] = []
        }

        private let state = Mutex(State())
        var count: Int { state.withLock { $0.count } }

        func fetch() async -> Result<AccessToken, SignInFailure> {
            await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Result<AccessToken, SignInFailure>? in
                    state.count += 1
                    if !state.ready.isEmpty { return state.ready.removeFirst() }
                    state.waiting.append(continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        }

        func answer(_ answer: Result<AccessToken, SignInFailure>) {
            let waiting = state.withLock { state -> CheckedContinuation<Result<AccessToken, SignInFailure>, Never>? in
                if !state.waiting.isEmpty { return state.waiting.removeFirst() }
                state.ready.append(answer)
                return nil
            }
            waiting?.resume(returning: answer)
        }
    }

    private static func token(_ text: String) -> Result<AccessToken, SignInFailure> {
        .success(AccessToken(secret: Secret(text), lifetime: .seconds(1000)))
    }

    private func keeper(_ desk: Desk, _ time: ManualTime) -> TokenKeeper {
        TokenKeeper(surroundings: time.surroundings(), logger: Logger(label: "test")) { await desk.fetch() }
    }

    @Test func `a hundred who ask at once share one fetch`() async throws {
        let desk = Desk()
        let keeper = keeper(desk, ManualTime())
        #expect(keeper.ready() == nil)
        let secrets = await withTaskGroup(of: Secret?.self, returning: [Secret?].self) { group in
            for _ in 0..<100 { group.addTask { try? await keeper.token().get() } }
            while desk.count == 0 { await Task.yield() }
            desk.answer(Self.token("one"))
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(secrets == Array(repeating: Secret("one"), count: 100))
        #expect(desk.count == 1)
        #expect(keeper.ready() == Secret("one"))
    }

    @Test func `the next one is fetched behind those who use the first`() async throws {
        let desk = Desk()
        let time = ManualTime()
        let keeper = keeper(desk, time)
        desk.answer(Self.token("one"))
        #expect(try await keeper.token().get() == Secret("one"))
        try await time.surroundings().sleep(.seconds(850))
        // The fetch hangs; nobody does.
        for _ in 0..<3 { #expect(keeper.ready() == Secret("one")) }
        while desk.count < 2 { await Task.yield() }
        #expect(try await keeper.token().get() == Secret("one"))
        desk.answer(Self.token("two"))
        while keeper.ready() != Secret("two") { await Task.yield() }
        #expect(desk.count == 2)
    }

    @Test func `a lapse is survived, and nothing needs a new start after it`() async throws {
        let desk = Desk()
        let time = ManualTime()
        let keeper = keeper(desk, time)
        desk.answer(Self.token("one"))
        #expect(try await keeper.token().get() == Secret("one"))
        try await time.surroundings().sleep(.seconds(850))
        desk.answer(.failure(SignInFailure(.unavailable, "down")))
        #expect(keeper.ready() == Secret("one"))
        while desk.count < 2 { await Task.yield() }
        #expect(try await keeper.token().get() == Secret("one"))
        // It lapses for longer than the token lives.
        try await time.surroundings().sleep(.seconds(200))
        desk.answer(.failure(SignInFailure(.unavailable, "down")))
        let failure = await keeper.secret(refused: nil)
        guard case .failure(let error) = failure else { return #expect(Bool(false), "there is a token") }
        #expect(error.kind == .unavailable && error.persistence == .temporary)
        try await time.surroundings().sleep(.seconds(20))
        desk.answer(Self.token("two"))
        #expect(try await keeper.token().get() == Secret("two"))
    }

    @Test func `who is interrupted goes at once, and the others get their token`() async throws {
        let desk = Desk()
        let keeper = keeper(desk, ManualTime())
        let interrupted = Task { await keeper.token() }
        let patient = Task { await keeper.token() }
        while desk.count == 0 { await Task.yield() }
        interrupted.cancel()
        guard case .failure = await interrupted.value else { return #expect(Bool(false), "it got one") }
        desk.answer(Self.token("one"))
        #expect(try await patient.value.get() == Secret("one"))
    }

    @Test(arguments: [true, false])
    func `requests outlive a lapse within their deadline`(_ isRead: Bool) async throws {
        let server = try ScriptedServer { request, _ in
            request.headers["authorization"] == "Bearer late"
                ? .answer(answer("200 OK", versionHeaders, body: request.method == "GET" ? "12345" : ""))
                : .answer(refusal("401 Unauthorized", "InvalidAuthenticationInfo"))
        }
        let time = ManualTime()
        let desk = Desk()
        for _ in 0..<3 { desk.answer(.failure(SignInFailure(.unavailable, "down"))) }
        desk.answer(Self.token("late"))
        let store = try AzureBlobStore.scripted(
            server,
            credential: .bearer(keeper(desk, time)),
            surroundings: time.surroundings()
        )
        if isRead {
            #expect(try await store.readBytes(someBlob, 0..<5).bytes == Array("12345".utf8))
        } else {
            _ = try await store.properties(of: someBlob)
        }
        #expect(desk.count == 4)
        #expect(server.received.count == 1)
    }

    @Test func `the same token again is not sent again: the refusal stands`() async throws {
        let server = try ScriptedServer([.answer(refusal("401 Unauthorized", "InvalidAuthenticationInfo"))])
        let desk = Desk()
        let time = ManualTime()
        desk.answer(Self.token("bad"))
        let store = try AzureBlobStore.scripted(
            server,
            credential: .bearer(keeper(desk, time)),
            surroundings: time.surroundings()
        )
        await #expect { try await store.properties(of: someBlob) } throws: { error in
            let error = error as? StorageError
            return error?.kind == .unauthenticated && error?.status == 401
        }
        await #expect { try await store.readBytes(someBlob, 0..<5) } throws: { ($0 as? StorageError)?.status == 401 }
        #expect(server.received.count == 2)
        #expect(desk.count == 1)
    }
}
