import BlobStorage
import OutputConventions
import OutputTransfer
import OutputViews
import Synchronization
import TestSupport
import Testing

/// Every blob of a run has exactly one path in `/runs`, and that path leads back to it. `SEED=…` replays a failure.
@Suite(.timeLimit(.minutes(1)))
struct RunMappingTests {
    private struct Path: Hashable {
        let bytes: [UInt8]
        init(_ names: [String]) { bytes = Array(names.joined(separator: "/").utf8) }
    }

    @Test func `each blob of a run has one path, which leads back to it`() async throws {
        var names = RunNames(random: SeededRandom(seed: testSeed()))
        for _ in 0..<12 {
            let workspace = Workspace()
            var blobs: Set<BlobAddress> = []
            for _ in 0..<25 {
                let blob = names.blob()
                blobs.insert(blob)
                workspace.store.add(blob, [1])
            }
            let tree = StoreTree(store: workspace.store)
            let paths = Mutex<[Path: BlobAddress]>([:])
            let repeated = Mutex<[[String]]>([])
            try await tree.walk(.view(.runs)) { file in
                let other = paths.withLock { $0.updateValue(file.address, forKey: Path(file.path)) }
                if other != nil { repeated.withLock { $0.append(file.path) } }
                guard case .file(let found) = try await tree.find(["runs"] + file.path) else {
                    Issue.record("\(file.path) is no file")
                    return
                }
                #expect(found.address == file.address, "\(file.path)")
                for name in file.path { #expect(name.utf8.count <= 255 && !name.utf8.contains(UInt8(ascii: "/"))) }
            }
            #expect(repeated.withLock { $0 } == [])
            let shown = paths.withLock { Array($0.values) }
            #expect(Set(shown) == blobs)
            #expect(shown.count == blobs.count)
        }
    }
}

/// Names of blobs of runs, few enough that they get into each other's way.
private struct RunNames {
    var random: SeededRandom

    private static let runs = ["r", "calm_sea_1", "%=r", ".", "a\u{1}", "\u{E9}", "e\u{301}", "a.", "%41"]
    private static let parts = [
        "outputs", "logs", "user_logs", "system_logs", "azureml-logs", "artifacts", "named-outputs", "model", "%=model",
        "", ".", "..", "x%", "\u{1}", "\u{E9}", "e\u{301}", String(repeating: "n", count: 300),
    ]

    private mutating func part() -> String { Self.parts.randomElement(using: &random) ?? "x" }

    mutating func blob() -> BlobAddress {
        let run = Self.runs.randomElement(using: &random) ?? "r"
        var path = (0..<Int.random(in: 1...3, using: &random)).map { _ in part() }
        // With nothing behind its last slash a blob is the marker of a folder.
        if path.last?.isEmpty == true { path.append("x") }
        let rest = path.joined(separator: "/")
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return BlobAddress("azureml/ExperimentRun/dcid.\(run)/\(rest)")
        case 1: return BlobAddress("azureml/azureml/\(run)/\(rest)")
        case 2: return BlobAddress("\(Workspace.blobstore)/azureml/\(run)/\(rest)")
        default: return BlobAddress("\(Workspace.blobstore)/dataset/\(run)/\(rest)")
        }
    }
}
