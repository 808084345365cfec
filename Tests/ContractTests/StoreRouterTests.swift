import BlobStorage
import Synchronization
import TestSupport
import Testing

/// Containers of other accounts beside the account's own.
@Suite(.timeLimit(.minutes(5)))
struct StoreRouterTests {
    private let own = MemoryStore(containers: ["data"])
    private let other = MemoryStore(containers: ["data"])
    private let foreign = ForeignContainer(endpoint: "https://other.blob.core.windows.net", name: "data")

    private func router(namespace: Namespace? = .flat) -> StoreRouter {
        StoreRouter(own, routes: [route(namespace: namespace) { () async throws(StorageError) in .flat }])
    }

    private func route(
        namespace: Namespace?,
        detect: @escaping @Sendable () async throws(StorageError) -> Namespace
    ) -> StoreRoute { StoreRoute(to: foreign, other, namespace: namespace, detect: detect) }

    private func put(_ text: String, _ blob: BlobAddress, _ store: any BlobStore) async throws {
        let body = UploadBody(Array(text.utf8))
        _ = try await store.putBlob(blob, body, headers: BlobHeaders(), condition: .any)
    }

    private func blob(_ name: String, isForeign: Bool = true) -> BlobAddress {
        BlobAddress(container: isForeign ? "\(foreign)" : "data", name: name)
    }

    @Test func `a foreign container goes by its URL, and back`() {
        #expect("\(foreign)" == "https://other.blob.core.windows.net/data")
        #expect(ForeignContainer("\(foreign)") == foreign)
        let emulated = ForeignContainer(endpoint: "http://127.0.0.1:10000/devstoreaccount1", name: "$web")
        #expect(ForeignContainer("\(emulated)") == emulated)
        for name in ["data", "$root", "batch:job-a", ""] { #expect(ForeignContainer(name) == nil, "\(name)") }
    }

    @Test func `a name in one account says nothing of the same name in another`() async throws {
        let router = router()
        try await put("own", blob("a", isForeign: false), router)
        await expectFailure(.notFound) { try await router.properties(of: blob("a")) }
        try await put("others", blob("a"), router)
        #expect(try await router.properties(of: blob("a", isForeign: false)).length == 3)
        #expect(try await other.properties(of: BlobAddress(container: "data", name: "a")).length == 6)
    }

    @Test func `failures name the account`() async throws {
        let router = router()
        do {
            _ = try await router.properties(of: blob("missing"))
            Issue.record("it is not there")
        } catch { #expect(error.resource == "\(foreign)/missing") }
        let bench = Bench(store: router, container: "\(foreign)")
        do {
            _ = try await bench.read("missing", 0..<1)
            Issue.record("it is not there")
        } catch let error as StorageError {
            #expect(error.kind == .notFound)
            #expect(error.resource == "\(foreign)/missing")
        }
    }

    @Test func `without its datastore a container is told from one that is not there`() async throws {
        let router = StoreRouter(own)
        #expect(router.reaches("data") && !router.reaches("\(foreign)"))
        await expectFailure(.unauthenticated) { try await router.properties(of: blob("a")) }
        await expectFailure(.unauthenticated) {
            try await Bench(store: router, container: "\(foreign)").read("a", 0..<1)
        }
        let answers = await router.deleteEach([BlobDeletion(blob("a"), condition: .any)], atOnce: 4)
        #expect(answers.first??.kind == .unauthenticated)
        #expect(answers.first??.message.contains("[datastores.NAME]") == true)
    }

    @Test func `nothing is copied or renamed from account to account`() async throws {
        let router = router()
        let (here, there) = (blob("a", isForeign: false), blob("a"))
        try await put("own", here, router)
        for (source, target) in [(here, there), (there, here)] {
            await expectFailure(.invalid) {
                try await router.copy(source, sourceCondition: .any, to: target, metadata: nil, condition: .any)
            }
            await expectFailure(.invalid) {
                try await router.renamePath(source, .directory(nil), to: target, condition: .any)
            }
            await expectFailure(.invalid) {
                let id = Bench.id(1)
                try await router.putBlock(id, of: target, from: source, range: 0..<1, sourceCondition: .any)
            }
            #expect(!target.isOneStep(from: source))
        }
        #expect(blob("b").isOneStep(from: blob("a")))
        #expect(BlobAddress(container: "other", name: "a").isOneStep(from: here))
    }

    @Test func `many are deleted in the account of each, and answered in their order`() async throws {
        let router = router()
        let blobs = (0..<6).map { blob("\($0)", isForeign: $0 % 2 == 0) }
        for (number, blob) in blobs.enumerated() where number != 3 { try await put("x", blob, router) }
        try await put("stays", BlobAddress(container: "data", name: "4"), own)
        let deletions = blobs.map { BlobDeletion($0, condition: .any) }
        let kinds = await router.deleteEach(deletions, atOnce: 2).map { $0?.kind }
        #expect(kinds == [nil, nil, nil, .notFound, nil, nil])
        #expect(try await own.properties(of: BlobAddress(container: "data", name: "4")).length == 5)
    }

    @Test func `only the account's own containers are listed`() async throws {
        let page = try await router().listContainers(ContainerQuery(), after: nil)
        #expect(page.containers.map(\.name) == ["data"])
        #expect(try await router().properties(ofContainer: "\(foreign)").name == "\(foreign)")
    }

    @Test func `how an account keeps directories is asked once, by the first who needs it`() async throws {
        let asked = Mutex(0)
        let route = route(namespace: nil) { () async throws(StorageError) in
            asked.withLock { $0 += 1 }
            return .hierarchical
        }
        let router = StoreRouter(own, routes: [route])
        #expect(router.namespace(of: "\(foreign)") == .flat)
        for _ in 0..<3 { await expectFailure(.notFound) { try await router.properties(of: blob("a")) } }
        #expect(asked.withLock { $0 } == 1)
        #expect(router.namespace(of: "\(foreign)") == .hierarchical)
        #expect(router.namespace(of: "data") == .flat)
    }

    @Test func `an account that does not tell is asked again, and keeps nobody from the other`() async throws {
        let isDown = Mutex(true)
        let route = route(namespace: nil) { () async throws(StorageError) in
            guard isDown.withLock({ $0 }) else { return .flat }
            throw StorageError(.unavailable, .persistent, operation: "ask", resource: "data", message: "down")
        }
        let router = StoreRouter(own, routes: [route])
        await expectFailure(.unavailable) { try await router.properties(of: blob("a")) }
        await expectFailure(.notFound) { try await router.properties(of: blob("a", isForeign: false)) }
        isDown.withLock { $0 = false }
        await expectFailure(.notFound) { try await router.properties(of: blob("a")) }
    }
}
