import BlobStorage
import OutputConventions
import OutputTransfer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LuisyUpkeepTests {
    private func states(_ world: LuisyWorld, _ project: String = "demo") async throws -> [String: LuisyState] {
        let reports = try await world.container.reports(on: [project]).reports
        return Dictionary(uniqueKeysWithValues: try #require(reports.first).lines.map { ($0.key.text, $0.state) })
    }

    @Test func `each line has a state, and each blob without a line too`() async throws {
        let world = try LuisyWorld()
        world.put("demo/raw/a.csv", "a")
        world.put("demo/dir/1", "a")
        world.put("demo/orphan", "a")
        world.put("demo/elsewhere", "a")
        world.store.add(world.address("demo/raw"), metadata: ["hdi_isfolder": "true"])
        world.put(
            "demo/.luisy.hash",
            #"{"/demo/raw/a.csv": "1", "/demo/late": "1", "/demo/dir": "1", "/All.pkl": "1", "/demo/null": null}"#
        )
        world.put("other/.luisy.hash", #"{"/demo/elsewhere": "1"}"#)
        world.store.advanceTime(bySeconds: 1)
        world.put("demo/late", "a")
        #expect(
            try await states(world) == [
                "/demo/raw/a.csv": .same, "/demo/late": .newer, "/demo/dir": .same, "/All.pkl": .dangling,
                "/demo/null": .null, "/demo/orphan": .orphan,
            ]
        )
    }

    @Test func `an output in two manifests is found from both sides`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a", "a")
        world.put("demo/.luisy.hash", #"{"/demo/a": "1"}"#)
        world.put("other/.luisy.hash", #"{"/demo/a": "2"}"#)
        for (project, other) in [("demo", "other"), ("other", "demo")] {
            let line = try #require(try await world.container.reports(on: [project]).reports.first?.lines.first)
            #expect(line.elsewhere.map(\.project) == [other] && line.isContradicted)
        }
        world.put("other/.luisy.hash", #"{"/demo/a": "1"}"#)
        let line = try #require(try await world.container.reports(on: ["demo"]).reports.first?.lines.first)
        #expect(line.elsewhere.count == 1 && !line.isContradicted)
    }

    @Test func `a broken manifest does not hide the other projects`() async throws {
        let world = try LuisyWorld()
        world.put("demo/.luisy.hash", "")
        world.put("other/.luisy.hash", "{}")
        let found = try await world.container.reports(on: [])
        #expect(found.reports.map(\.project) == ["other"])
        #expect(found.broken.count == 1 && found.broken[0].description.contains("luisy/demo/.luisy.hash"))
        #expect(try await world.container.reports(on: ["none"]).unmatched == ["none"])
    }

    @Test func `one listing is enough for a project, however many lines it has`() async throws {
        let world = try LuisyWorld()
        let lines = (0..<500).map { "\"/demo/\($0)\": \"1\"" }.joined(separator: ", ")
        for number in 0..<500 { world.put("demo/\(number)", "x") }
        world.put("demo/.luisy.hash", "{\(lines)}")
        world.store.resetCounts()
        #expect(try await states(world).count == 500)
        // The folders at the top, then the project's.
        #expect(world.store.count(of: .listBlobs) == 2)
    }

    // MARK: adopt

    @Test func `a folder that another program wrote gets its line`() async throws {
        let world = try LuisyWorld()
        world.put("demo/table/part-0", "x")
        world.put("demo/.luisy.hash", #"{"/demo/table": null, "/demo/b": "1"}"#)
        let key = LuisyKey("/demo/table")
        let dry = try await world.container.adopt(key, hash: "2", project: "demo", isDryRun: true)
        #expect(dry.blobCount == 1 && dry.before == .null && world.blob("demo/.luisy.hash")?.contains("null") == true)
        _ = try await world.container.adopt(key, hash: "2", project: "demo", isDryRun: false)
        #expect(world.blob("demo/.luisy.hash") == #"{"/demo/table": "2", "/demo/b": "1"}"#)
    }

    @Test func `what is not there is not adopted`() async throws {
        let world = try LuisyWorld()
        world.put("demo/table-2/part-0", "x")
        await #expect(throws: LuisyError.self) {
            try await world.container.adopt(LuisyKey("/demo/table"), hash: "2", project: "demo", isDryRun: false)
        }
        #expect(world.blob("demo/.luisy.hash") == nil)
    }

    // MARK: gc

    @Test func `lines that say nothing go, and no blob`() async throws {
        let world = try LuisyWorld()
        world.put("demo/a", "a")
        world.put("demo/orphan", "a")
        world.put(
            "demo/.luisy.hash",
            #"{"/demo/null": null, "/demo/a": "1", "/All.pkl": "2", "/demo/s.DeltaTable": "3"}"#
        )
        let dry = try await world.container.clean("demo", isDryRun: true)
        #expect(
            dry.dropped.map(\.key.text) == ["/demo/null", "/All.pkl"] && dry.orphans.map(\.key.text) == ["/demo/orphan"]
        )
        #expect(world.blob("demo/.luisy.hash")?.contains("null") == true)
        _ = try await world.container.clean("demo", isDryRun: false)
        #expect(world.blob("demo/.luisy.hash") == #"{"/demo/a": "1", "/demo/s.DeltaTable": "3"}"#)
        #expect(world.blob("demo/orphan") == "a")
    }

    @Test func `a line that is added while others are dropped stays`() async throws {
        let world = try LuisyWorld()
        world.put("demo/.luisy.hash", #"{"/demo/null": null}"#)
        world.store.hold(.putBlob)
        async let cleaned = world.container.clean("demo", isDryRun: false)
        await world.store.waitUntilHeld(.putBlob)
        world.put("demo/a", "a")
        world.put("demo/.luisy.hash", #"{"/demo/null": null, "/demo/a": "1"}"#)
        world.store.release(.putBlob)
        #expect(try await cleaned.dropped.map(\.key.text) == ["/demo/null"])
        #expect(world.blob("demo/.luisy.hash") == #"{"/demo/a": "1"}"#)
    }
}
