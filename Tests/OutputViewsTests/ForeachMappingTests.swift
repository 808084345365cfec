import BlobStorage
import Foundation
import OutputConventions
import OutputTransfer
import TestSupport
import Testing

/// The rules of `ForeachBlob`, through the view itself: by listing each directory, and by name.
@Suite("The foreach view shows every blob once", .timeLimit(.minutes(5)))
struct ForeachMappingTests {
    private struct Recorded: Decodable {
        struct Pair: Decodable {
            var container: String
            var blob: String
            var path: String
        }
        struct Absent: Decodable {
            var container: String
            var path: String
        }
        var pairs: [Pair]
        var absent: [Absent]

        static func load() throws -> Recorded {
            let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            let file = tests.appending(path: "OutputConventionsTests/Vectors/foreach_map_vectors.json")
            return try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: file))
        }
    }

    @Test func `blobs of all releases are listed and found where the rules say`() async throws {
        let recorded = try Recorded.load()
        let world = ForeachWorld()
        for pair in recorded.pairs { world.add([pair.blob], to: pair.container) }
        for container in Set(recorded.pairs.map(\.container)) {
            let pairs = recorded.pairs.filter { $0.container == container }
            let found = try await world.files(below: ["foreach", container]).filter { !$0.path.hasPrefix("results/") }
            #expect(found.count == pairs.count)
            for pair in pairs {
                let paths = found.filter { $0.blob.name == pair.blob }.map(\.path)
                // The empty name behind a slash is shown as `%=`.
                let wanted = pair.blob == "results/" ? "other/results/%=" : pair.path
                #expect(paths == [wanted], "\(pair.blob)")
                let names = ["foreach", container] + wanted.split(separator: "/").map(String.init)
                guard case .file(let file) = try await world.tree.find(names) else {
                    Issue.record("\(names) is no file")
                    continue
                }
                #expect(file.address == BlobAddress(container: container, name: pair.blob))
            }
        }
    }

    @Test func `paths that no blob can have are not there`() async throws {
        let world = ForeachWorld()
        for absent in try Recorded.load().absent {
            // A container's name has three characters at least; what is asked for has the same form.
            let container = absent.container == "j" ? "jjj" : absent.container
            world.submit(container)
            world.add(["results/1-result.rds", "merge.rds", "logs/01.txt"], to: container)
            let names = ["foreach", container] + absent.path.split(separator: "/").map(String.init)
            await #expect(throws: TreeError.self, "\(absent.path)") { _ = try await world.tree.find(names) }
        }
    }

    @Test func `whatever a container holds, each blob has one path outside of results, which leads back`() async throws
    {
        var random = SeededRandom(seed: testSeed())
        let words = [
            "c12", "c12.rds", "c12-metadata.rds", "results/", "result/", "logs/", "stdout/", "stderr/", "1", "12", "01",
            "merge", "merged", "-result.rds", ".txt", "-stdout.txt", "-stderr.txt", ".rds", "c12-task", "c12-merge",
            "worker.R",
            "other/", "tasks/", "job/", "/", "e\u{301}", "é", ".", "..", "\\", "%=", String(repeating: "7", count: 252),
            String(repeating: "x", count: 300),
        ]
        for round in 0..<3 {
            let world = ForeachWorld()
            world.submit("c12")
            for _ in 0..<40 {
                let count = Int.random(in: 1...4, using: &random)
                let blob = (0..<count).map { _ in words.randomElement(using: &random) ?? "" }.joined()
                if blob.utf16.count <= 1024 { world.add([blob], to: "c12") }
            }
            let blobs = world.store.blobNames(in: "c12")
            let found = try await world.files(below: ["foreach", "c12"]).filter { !$0.path.hasPrefix("results/") }
            let shown = found.map { Array($0.blob.name.utf8) }
            #expect(Set(shown) == Set(blobs.map { Array($0.utf8) }), "round \(round)")
            #expect(shown.count == blobs.count, "round \(round)")
            for (path, blob) in found {
                let names = ["foreach", "c12"] + path.split(separator: "/").map(String.init)
                guard case .file(let file) = try await world.tree.find(names) else {
                    Issue.record("\(path) is no file")
                    continue
                }
                #expect(file.address == blob, "\(path)")
            }
        }
    }

    @Test func `results are second paths of the tasks' files, in both layouts`() async throws {
        let world = ForeachWorld()
        world.submit("new")
        world.add(
            ["results/1-result.rds", "results/10-result.rds", "results/merge-result.rds", "results/x.rds"],
            to: "new"
        )
        world.submit("old")
        world.add(["result/old-task1-result.rds", "result/old-merge-result.rds", "result/2-result.rds"], to: "old")
        let new = try await world.files(below: ["foreach", "new", "results"])
        #expect(new.map(\.path) == ["1.rds", "10.rds", "merged.rds"])
        #expect(new.map(\.blob.name) == ["results/1-result.rds", "results/10-result.rds", "results/merge-result.rds"])
        let old = try await world.files(below: ["foreach", "old", "results"])
        #expect(old.map(\.path) == ["1.rds", "merged.rds"])
        #expect(old.map(\.blob.name) == ["result/old-task1-result.rds", "result/old-merge-result.rds"])
        let gatherer = world.gatherer()
        #expect(try await gatherer.find("1.rds", .results, of: "old")?.blob == "result/old-task1-result.rds")
        #expect(try await gatherer.find("merged.rds", .results, of: "new")?.blob == "results/merge-result.rds")
        for absent in ["merge.rds", "2.rds", "old-task1.rds", "old-merge.rds", "01.rds", "1", ".rds"] {
            #expect(try await gatherer.find(absent, .results, of: "old") == nil, "\(absent)")
        }
    }

    @Test func `a container with results of both layouts loses none`() async throws {
        let world = ForeachWorld()
        world.submit("both")
        world.add(["results/1-result.rds", "result/both-task1-result.rds"], to: "both")
        #expect(
            try await world.files(below: ["foreach", "both", "results"]).map(\.blob.name) == ["results/1-result.rds"]
        )
        let tasks = try await world.gatherer().names(.tasks, of: "both")
        #expect(tasks == ["1", "both-task1"])
    }

    @Test func `what walks a job as a whole meets each blob once`() async throws {
        let world = ForeachWorld()
        world.submit("walk")
        world.add(["results/1-result.rds", "logs/1.txt", "logs/1.txt/x", "a", "a/b", "results/note"], to: "walk")
        guard case .directory(let job) = try await world.tree.find(["foreach", "walk"]) else {
            Issue.record("no job")
            return
        }
        let walked = Walked()
        try await world.tree.walk(job) { await walked.add($0.name) }
        let listed = try await world.files(below: ["foreach", "walk"]).map(\.path).filter { !$0.hasPrefix("results/") }
        #expect(await walked.names.sorted() == listed.sorted())
        #expect(listed.contains("other/%=a%file") && listed.contains("other/results/note"))
    }
}

private actor Walked {
    var names: [String] = []

    func add(_ name: String) { names.append(name) }
}
