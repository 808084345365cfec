import BlobStorage
import FileSystemSuite
import Foundation
import TestSupport
import Testing

@Suite("Random operations on the tree")
struct RandomTreeTests {
    /// `SEED=…` replays a run.
    @Test(.timeLimit(.minutes(5)), arguments: 0..<12)
    func `the tree does what a local directory does`(_ run: Int) async throws {
        let seed = testSeed() &+ UInt64(run)
        try await onOwnThread {
            let world = try TreeWorld(
                keepsNames: run.isMultiple(of: 2),
                namespace: run < 8 ? .flat : .hierarchical,
                disk: run.isMultiple(of: 3) ? .cache : .none
            )
            defer { world.end() }
            var random = try RandomRun(world, oracle: NSTemporaryDirectory() + "/outputfs-oracle-\(UUID())")
            try random.run(seed: seed, steps: 600)
        }
    }
}
