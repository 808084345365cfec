import BlobStorage
import TestSupport
import Testing

@testable import OutputTransfer

struct TargetLookTests {
    private static func address(_ name: String) -> BlobAddress { BlobAddress(container: "c", name: name) }

    private static func look(at names: [String], _ store: MemoryStore) async throws -> TargetLook {
        try await TargetLook(at: names.map(address), in: store)
    }

    private static func store(_ names: [String]) -> MemoryStore {
        let store = MemoryStore(containers: ["c"])
        for name in names { store.add(address(name), Array("old".utf8)) }
        return store
    }

    @Test(.timeLimit(.minutes(1))) func `one listing tells what is there and what is not`() async throws {
        let store = Self.store(["x/a", "x/deep/b", "y"])
        let look = try await Self.look(at: ["x/a", "x/new", "x/deep/b"], store)
        guard case .there(let found) = look[Self.address("x/a")] else { throw Unexpected() }
        #expect(found.length == 3)
        guard case .absent = look[Self.address("x/new")] else { throw Unexpected() }
        #expect(store.count(of: .listBlobs) == 1)
    }

    @Test(.timeLimit(.minutes(1))) func `for a single file nothing is listed`() async throws {
        let store = Self.store(["x/a"])
        let look = try await Self.look(at: ["x/a"], store)
        guard case .unknown = look[Self.address("x/a")] else { throw Unexpected() }
        #expect(store.count(of: .listBlobs) == 0)
    }

    @Test(.timeLimit(.minutes(1))) func `a listing that is long beside the upload is broken off`() async throws {
        let store = Self.store((0..<6_000).map { "x/\($0 + 10_000)" })
        let look = try await Self.look(at: ["x/10000", "x/15999", "x/zzz"], store)
        guard case .there = look[Self.address("x/10000")] else { throw Unexpected() }
        guard case .unknown = look[Self.address("x/15999")], case .unknown = look[Self.address("x/zzz")] else {
            throw Unexpected()
        }
        #expect(store.count(of: .listBlobs) == 1)
    }

    @Test(.timeLimit(.minutes(1))) func `a file in the place of a folder is in the way, and the other way round`()
        async throws
    {
        let look = try await Self.look(at: ["a/x", "d", "new"], Self.store(["a", "d/y"]))
        guard case .inTheWay(let file) = look[Self.address("a/x")], file.contains("c/a is a file there") else {
            throw Unexpected()
        }
        guard case .inTheWay(let folder) = look[Self.address("d")], folder.contains("c/d is a directory") else {
            throw Unexpected()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a blob beside a directory of its name is in nobody's way`() async throws {
        let look = try await Self.look(at: ["a/x", "a/new"], Self.store(["a", "a/x"]))
        guard case .there = look[Self.address("a/x")], case .absent = look[Self.address("a/new")] else {
            throw Unexpected()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `what goes to several containers is not taken for one's`() async throws {
        let addresses = [Self.address("x/a"), BlobAddress(container: "other", name: "x/b")]
        let look = try await TargetLook(at: addresses, in: Self.store(["x/a", "x/b"]))
        for address in addresses { guard case .unknown = look[address] else { throw Unexpected() } }
    }

    private struct Unexpected: Error {}
}
