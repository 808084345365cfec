import OutputConventions
import TestSupport
import Testing

struct ForeachBlobTests {
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
    }

    @Test func blobsOfAllReleasesAreShownWhereTheRulesSay() throws {
        let recorded: Recorded = try Vectors.load("foreach_map_vectors")
        #expect(recorded.pairs.count == 48 && recorded.absent.count == 7)
        for pair in recorded.pairs {
            #expect(ForeachBlob.path(of: pair.blob, in: pair.container) == pair.path)
            #expect(ForeachBlob.blob(at: pair.path, in: pair.container) == pair.blob)
        }
        for absent in recorded.absent {
            #expect(ForeachBlob.blob(at: absent.path, in: absent.container) == nil, "\(absent.path)")
        }
    }

    @Test func everyBlobHasOnePathThatLeadsBack() {
        var random = SeededRandom(seed: testSeed())
        let words = [
            "c1", "c1.rds", "c1-metadata.rds", "results/", "result/", "logs/", "stdout/", "stderr/", "1", "12", "01",
            "merge",
            "-result.rds", ".txt", "-stdout.txt", "-stderr.txt", ".rds", "c1-task", "c1-merge", "worker.R", "other/",
            "tasks/",
            "job/", "/", "e\u{301}", "é",
        ]
        var seen: [[UInt8]: String] = [:]
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...4, using: &random)
            let blob = (0..<count).map { _ in words.randomElement(using: &random) ?? "" }.joined()
            let path = ForeachBlob.path(of: blob, in: "c1")
            let back = ForeachBlob.blob(at: path, in: "c1")
            #expect(back.map { Array($0.utf8) } == Array(blob.utf8), "\(blob) at \(path)")
            if let other = seen.updateValue(blob, forKey: Array(path.utf8)) {
                #expect(Array(other.utf8) == Array(blob.utf8), "\(blob) and \(other) at \(path)")
            }
        }
    }
}
