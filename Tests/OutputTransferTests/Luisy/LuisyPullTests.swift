import BlobStorage
import Foundation
import OutputConventions
import OutputTransfer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LuisyPullTests {
    @Test func `what the store has is fetched and named, what is here stays`() async throws {
        let world = try LuisyWorld()
        world.put("demo/raw/a.csv", "store")
        world.put("demo/raw/mine.csv", "store")
        world.put("other/b.csv", "of another project")
        world.put("All.csv", "at the root")
        world.put(
            "demo/.luisy.hash",
            #"{"/demo/raw/a.csv": "1", "/demo/raw/mine.csv": "2", "/other/b.csv": "3", "/All.csv": "4", "/demo/null": null, "/demo/gone": "5"}"#
        )
        try world.write("demo/raw/mine.csv", "of new code")
        try world.write("demo/.luisy.hash", #"{"/demo/raw/mine.csv": "9", "/demo/raw/lost.csv": "8"}"#)
        let (events, counters) = try await world.pull()
        #expect(events.failures == [])
        #expect(counters.done == 3 && counters.kept == 1)
        #expect(world.files == ["All.csv", "demo/.luisy.hash", "demo/raw/a.csv", "demo/raw/mine.csv", "other/b.csv"])
        #expect(world.file("demo/raw/a.csv") == "store" && world.file("demo/raw/mine.csv") == "of new code")
        let local = try LuisyManifest(json: Array(try #require(world.file("demo/.luisy.hash")).utf8))
        #expect(local[LuisyKey("/demo/raw/a.csv")] == .hash("1") && local[LuisyKey("/demo/raw/mine.csv")] == .hash("9"))
        #expect(local[LuisyKey("/other/b.csv")] == .hash("3"))
    }

    @Test func `with the hash of the store's code a file of other code is replaced`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a.csv", "store")
        world.put("demo/.luisy.hash", #"{"/demo/a.csv": "1"}"#)
        try world.write("demo/a.csv", "old")
        try world.write("demo/.luisy.hash", #"{"/demo/a.csv": "0"}"#)
        #expect(try await world.pull(hashes: [LuisyKey("/demo/a.csv"): "1"]).events.failures == [])
        #expect(world.file("demo/a.csv") == "store" && world.file("demo/.luisy.hash") == #"{"/demo/a.csv": "1"}"#)
        // And of code that nobody has run: neither side has it.
        #expect(try await world.pull(hashes: [LuisyKey("/demo/a.csv"): "2"]).events.failures.count == 1)
        #expect(world.file("demo/a.csv") == "store")
    }

    @Test func `a blob that is newer than the manifest is not taken`() async throws {
        let world = try LuisyWorld()
        world.put("demo/.luisy.hash", #"{"/demo/a.csv": "1"}"#)
        world.store.advanceTime(bySeconds: 1)
        world.put("demo/a.csv", "of other code")
        let failures = try await world.pull().events.failures
        #expect(failures.count == 1 && failures[0].contains("newer than the manifest"))
        #expect(world.files == [])
    }

    @Test func `a blob that is replaced while it is fetched is not taken`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a.csv", "of this code")
        world.put("demo/.luisy.hash", #"{"/demo/a.csv": "1"}"#)
        world.store.hold(.listBlobs)
        async let pulled = world.pull()
        await world.store.waitUntilHeld(.listBlobs)
        world.store.hold(.read)
        world.store.release(.listBlobs)
        await world.store.waitUntilHeld(.read)
        world.put("demo/a.csv", "of other code")
        world.store.release(.read)
        #expect(try await pulled.events.failures.count == 1)
        #expect(world.file("demo/a.csv") == nil && world.file("demo/.luisy.hash") == nil)
    }

    @Test func `a file that nobody knows is named when it is the store's, and never overwritten`() async throws {
        let world = try LuisyWorld()
        // MD5s as openssl computes them, of these eight bytes each.
        world.store.add(world.address("demo/same.csv"), Array("the same".utf8)) {
            $0.contentMD5 = "/uILJiKXOMF3TSn5qyaOHA=="
        }
        world.store.add(world.address("demo/other.csv"), Array("not same".utf8)) {
            $0.contentMD5 = "/TI253eDMY3YYP/FZTJHUg=="
        }
        world.put("demo/.luisy.hash", #"{"/demo/same.csv": "1", "/demo/other.csv": "2"}"#)
        try world.write("demo/same.csv", "the same")
        try world.write("demo/other.csv", "my bytes")
        let events = try await world.pull().events
        #expect(events.failures.count == 1 && events.failures[0].contains("other.csv"))
        #expect(world.file("demo/other.csv") == "my bytes")
        #expect(world.file("demo/.luisy.hash") == #"{"/demo/same.csv": "1"}"#)
    }

    @Test func `a folder is there whole or not at all, with names within names`() async throws {
        let world = try LuisyWorld()
        for name in ["1.txt", "11.txt", "sub/1.txt"] { world.put("demo/dir/\(name)", name) }
        world.store.add(world.address("demo/dir/sub"), metadata: ["hdi_isfolder": "true"])
        world.put("demo/dir-2/x", "another")
        world.put("demo/.luisy.hash", #"{"/demo/dir": "1"}"#)
        world.store.fail(call: 4, of: .read, error: .test(.unavailable))
        #expect(try await world.pull().events.failures.count == 1)
        #expect(!FileManager.default.fileExists(atPath: world.folder + "/demo/dir"))
        #expect(world.file("demo/.luisy.hash") == nil)
        #expect(try await world.pull().events.failures == [])
        #expect(world.files == ["demo/.luisy.hash", "demo/dir/1.txt", "demo/dir/11.txt", "demo/dir/sub/1.txt"])
        #expect(world.file("demo/dir/sub/1.txt") == "sub/1.txt")
    }

    @Test func `a folder of other code is replaced as a whole`() async throws {
        let world = try LuisyWorld()
        world.put("demo/dir/new", "new")
        world.put("demo/.luisy.hash", #"{"/demo/dir": "1"}"#)
        try world.write("demo/dir/old", "old")
        try world.write("demo/.luisy.hash", #"{"/demo/dir": "0"}"#)
        #expect(try await world.pull(hashes: [LuisyKey("/demo/dir"): "1"]).events.failures == [])
        #expect(world.files == ["demo/.luisy.hash", "demo/dir/new"])
    }

    @Test func `keys that lead out of the working directory write nothing`() async throws {
        let world = try LuisyWorld()
        world.put("../evil", "x")
        world.put("demo/.luisy.hash", #"{"/../evil": "1", "/demo/../../evil": "2", "evil": "3", "/demo//x": "4"}"#)
        _ = try await world.pull()
        #expect(world.files == [])
    }

    @Test func `a dry run writes nothing`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a.csv", "store")
        world.put("demo/.luisy.hash", #"{"/demo/a.csv": "1"}"#)
        var options = LuisyTransferOptions()
        options.isDryRun = true
        let events = LuisyEvents()
        _ = try await LuisyPull(try world.project(), options) { events.note($0) }.run(.init(), keys: [])
        #expect(events.kind("demo/a.csv") == .planned && world.files == [])
    }

    @Test func `a project without a manifest, and keys without a hash, are said`() async throws {
        let world = try LuisyWorld()
        let error = await #expect(throws: LuisyError.self) { try await world.pull() }
        #expect(error?.isMissing == true)
        world.put("demo/.luisy.hash", "{}")
        let unmatched = try await LuisyPull(try world.project(), LuisyTransferOptions()) { _ in }
            .run(.init(), keys: [LuisyKey("/demo/a")])
        #expect(unmatched == [LuisyKey("/demo/a")])
    }

    // MARK: Repair

    @Test func `empty files of which the store has more are fetched again, and no others`() async throws {
        let world = try LuisyWorld()
        for name in ["cut", "empty", "full", "other"] { world.put("demo/\(name)", name == "empty" ? "" : "store") }
        world.put("demo/.luisy.hash", #"{"/demo/cut": "1", "/demo/empty": "1", "/demo/full": "1", "/demo/other": "1"}"#)
        for name in ["cut", "empty", "other"] { try world.write("demo/\(name)", "") }
        try world.write("demo/full", "mine")
        try world.write(
            "demo/.luisy.hash",
            #"{"/demo/cut": "1", "/demo/empty": "1", "/demo/full": "1", "/demo/other": "2"}"#
        )
        let events = LuisyEvents()
        let pull = LuisyPull(try world.project(), LuisyTransferOptions()) { events.note($0) }
        #expect(try await pull.repair(keys: []) == [])
        #expect(pull.counters.done == 1 && world.file("demo/cut") == "store")
        #expect(world.file("demo/empty") == "" && world.file("demo/full") == "mine")
        // Of other code: fetching it would put a wrong hash on it.
        #expect(events.failures.count == 1 && world.file("demo/other") == "")
    }
}
