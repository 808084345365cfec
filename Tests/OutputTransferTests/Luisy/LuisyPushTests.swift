import BlobStorage
import Foundation
import OutputConventions
import OutputTransfer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LuisyPushTests {
    @Test func `what is here and unknown or of other code there is sent, bytes first`() async throws {
        let world = try LuisyWorld()
        world.put("demo/old.pkl", "old")
        world.put("demo/same.pkl", "theirs")
        world.put("demo/.luisy.hash", #"{"/demo/gone.pkl": "9", "/demo/old.pkl": "1", "/demo/same.pkl": "2"}"#)
        for name in ["old", "same", "new", "unknown"] { try world.write("demo/\(name).pkl", "mine") }
        try world.write("demo/.luisy.hash", #"{"/demo/new.pkl": "3", "/demo/old.pkl": "4", "/demo/same.pkl": "2"}"#)
        let (events, counters) = try await world.push()
        #expect(events.failures == [])
        #expect(counters.done == 2 && counters.kept == 1)
        #expect(world.blob("demo/old.pkl") == "mine" && world.blob("demo/new.pkl") == "mine")
        // As luisy has it: the code is the same, whatever the bytes are.
        #expect(world.blob("demo/same.pkl") == "theirs")
        #expect(world.blob("demo/unknown.pkl") == nil)
        let json = String(decoding: try world.manifest().json, as: UTF8.self)
        #expect(
            json.hasPrefix(
                #"{"/demo/gone.pkl": "9", "/demo/old.pkl": "4", "/demo/same.pkl": "2", "/demo/new.pkl": "3"}"#
            )
        )
    }

    @Test func `the manifest does not name what did not arrive`() async throws {
        let world = try LuisyWorld()
        try world.write("demo/a.pkl", "a")
        try world.write("demo/.luisy.hash", #"{"/demo/a.pkl": "1"}"#)
        world.store.failNext(.putBlob, error: .test(.unavailable))
        let (events, counters) = try await world.push()
        #expect(events.failures.count == 1 && counters.failed == 1)
        #expect(world.store.blobNames(in: "luisy") == [])
    }

    @Test func `a manifest that cannot be saved is said, and the bytes are found to be newer`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a.pkl", "a")
        world.put("demo/.luisy.hash", #"{"/demo/a.pkl": "1"}"#)
        try world.write("demo/a.pkl", "of new code")
        try world.write("demo/.luisy.hash", #"{"/demo/a.pkl": "2"}"#)
        world.store.advanceTime(bySeconds: 5)
        world.store.fail(call: 2, of: .putBlob, error: .test(.denied))
        let (events, _) = try await world.push()
        #expect(events.failures.count == 1)
        #expect(try world.manifest()[LuisyKey("/demo/a.pkl")] == .hash("1"))
        let lines = try await world.container.reports(on: ["demo"]).reports[0].lines
        #expect(lines.map(\.state) == [.newer])
        // The next one mends it.
        try await world.push()
        #expect(try await world.container.reports(on: []).reports[0].lines.map(\.state) == [.same])
    }

    /// Each has read the manifest before any has saved it.
    @Test func `many pushes at once lose no line`() async throws {
        let store = MemoryStore(containers: ["luisy"])
        let worlds = try (0..<6).map { _ in try LuisyWorld(store) }
        for (number, world) in worlds.enumerated() {
            var lines: [String] = []
            for file in 0..<5 {
                try world.write("demo/\(number)-\(file).pkl", "x")
                lines.append("\"/demo/\(number)-\(file).pkl\": \"\(number)\"")
            }
            try world.write("demo/.luisy.hash", "{\(lines.joined(separator: ", "))}")
        }
        try await withThrowingTaskGroup(of: [String].self) { group in
            for world in worlds { group.addTask { try await world.push().events.failures } }
            for try await failures in group { #expect(failures == []) }
        }
        #expect(try worlds[0].manifest().entries.count == 30)
    }

    @Test func `lines that others add while ours is on its way stay`() async throws {
        let world = try LuisyWorld()
        world.put("demo/.luisy.hash", "{}")
        try world.write("demo/a.pkl", "a")
        try world.write("demo/.luisy.hash", #"{"/demo/a.pkl": "1"}"#)
        world.store.hold(.putBlob)
        async let pushed = world.push()
        await world.store.waitUntilHeld(.putBlob)
        world.store.releaseFirst(.putBlob)
        await world.store.waitUntilHeld(.putBlob)
        world.put("demo/.luisy.hash", #"{"/demo/theirs.pkl": "2"}"#)
        world.store.release(.putBlob)
        #expect(try await pushed.events.failures == [])
        #expect(try world.manifest().json == Array(#"{"/demo/theirs.pkl": "2", "/demo/a.pkl": "1"}"#.utf8))
    }

    @Test func `who is overtaken leaves the other's bytes and line`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a.pkl", "old")
        world.put("demo/.luisy.hash", #"{"/demo/a.pkl": "1"}"#)
        try world.write("demo/a.pkl", "mine")
        try world.write("demo/.luisy.hash", #"{"/demo/a.pkl": "2"}"#)
        world.store.hold(.putBlob)
        async let pushed = world.push()
        await world.store.waitUntilHeld(.putBlob)
        world.store.releaseFirst(.putBlob)
        await world.store.waitUntilHeld(.putBlob)
        // Between our bytes and our line.
        world.put("demo/a.pkl", "theirs")
        world.put("demo/.luisy.hash", #"{"/demo/a.pkl": "3"}"#)
        world.store.release(.putBlob)
        let failures = try await pushed.events.failures
        #expect(failures.count == 1 && failures[0].contains("somebody else"))
        #expect(world.blob("demo/a.pkl") == "theirs")
        #expect(try world.manifest()[LuisyKey("/demo/a.pkl")] == .hash("3"))
    }

    @Test func `bytes that are replaced after the listing are not replaced again`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a.pkl", "old")
        try world.write("demo/a.pkl", "mine")
        try world.write("demo/.luisy.hash", #"{"/demo/a.pkl": "2"}"#)
        world.store.hold(.putBlob)
        async let pushed = world.push()
        await world.store.waitUntilHeld(.putBlob)
        world.put("demo/a.pkl", "theirs")
        world.store.release(.putBlob)
        #expect(try await pushed.events.failures.count == 1)
        #expect(world.blob("demo/a.pkl") == "theirs" && world.blob("demo/.luisy.hash") == nil)
    }

    @Test func `a folder is sent whole, and old parts go`() async throws {
        let world = try LuisyWorld()
        world.put("demo/table/part-0.parquet", "old")
        world.put("demo/table/part-1.parquet", "old")
        world.put("demo/table-2/part-1.parquet", "another output")
        world.put("demo/.luisy.hash", #"{"/demo/table": null}"#)
        try world.write("demo/table/part-0.parquet", "new")
        try world.write("demo/table/sub/x", "new")
        try world.write("demo/.luisy.hash", #"{"/demo/table": "1"}"#)
        #expect(try await world.push().events.failures == [])
        #expect(
            world.store.blobNames(in: "luisy") == [
                "demo/.luisy.hash", "demo/table-2/part-1.parquet", "demo/table/part-0.parquet", "demo/table/sub/x",
            ]
        )
        #expect(try world.manifest()[LuisyKey("/demo/table")] == .hash("1"))
    }

    @Test func `outputs and manifests below a folder are no old parts of it`() async throws {
        let world = try LuisyWorld()
        let manifest = #"{"/demo/table/own.pkl": "5", "/demo/table/more": "6"}"#
        world.put("demo/.luisy.hash", manifest)
        let others = ["demo/table/.luisy.hash", "demo/table/more/part-0", "demo/table/own.pkl"]
        for name in others { world.put(name, "theirs") }
        world.put("demo/table/part-1.parquet", "old")
        try world.write("demo/table/part-0.parquet", "new")
        try world.write("demo/table/.luisy.hash", "mine")
        try world.write("demo/.luisy.hash", #"{"/demo/table": "1"}"#)
        #expect(try await world.push().events.failures == [])
        #expect(
            world.store.blobNames(in: "luisy") == ["demo/.luisy.hash"] + others + ["demo/table/part-0.parquet"]
        )
        for name in others { #expect(world.blob(name) == "theirs") }
    }

    @Test func `a folder takes the place of the file that the output was`() async throws {
        let world = try LuisyWorld()
        world.put("demo/table", "old")
        world.put("demo/.luisy.hash", #"{"/demo/table": "1"}"#)
        try world.write("demo/table/part-0", "new")
        try world.write("demo/.luisy.hash", #"{"/demo/table": "2"}"#)
        #expect(try await world.push().events.failures == [])
        #expect(world.store.blobNames(in: "luisy") == ["demo/.luisy.hash", "demo/table/part-0"])
        let other = try LuisyWorld(world.store)
        #expect(try await other.pull().events.failures == [])
        #expect(other.file("demo/table/part-0") == "new")
    }

    @Test func `a single output may be called as what is half fetched`() async throws {
        let world = try LuisyWorld()
        try world.write("demo/.a.outputfs-part", "a")
        try world.write("demo/.luisy.hash", #"{"/demo/.a.outputfs-part": "1"}"#)
        #expect(try await world.push().events.failures == [])
        #expect(world.blob("demo/.a.outputfs-part") == "a")
    }

    @Test func `of code that is said to be new, old files are not sent`() async throws {
        let world = try LuisyWorld()
        try world.write("demo/a.pkl", "of old code")
        try world.write("demo/.luisy.hash", #"{"/demo/a.pkl": "1"}"#)
        let events = try await world.push(hashes: [LuisyKey("/demo/a.pkl"): "2"]).events
        #expect(events.failures.count == 1 && world.store.blobNames(in: "luisy") == [])
    }

    @Test(arguments: ["", "[]", "{\"a\""])
    func `a broken manifest is named and stays as it is`(json: String) async throws {
        let world = try LuisyWorld()
        world.put("demo/.luisy.hash", json)
        try world.write("demo/a.pkl", "a")
        try world.write("demo/.luisy.hash", #"{"/demo/a.pkl": "1"}"#)
        let error = await #expect(throws: LuisyError.self) { try await world.push() }
        #expect(error?.description.contains("luisy/demo/.luisy.hash") == true && error?.remedies.isEmpty == false)
        #expect(world.blob("demo/.luisy.hash") == json && world.blob("demo/a.pkl") == nil)
    }
}
