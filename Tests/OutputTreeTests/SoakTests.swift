import FileSystemSuite
import Foundation
import TestSupport
import Testing

/// `scripts/test --soak`: the random runs with one seed after the other, for as long as it is told.
@Suite("Random operations for longer", .enabled(if: soakSeconds != nil, "scripts/test --soak"))
struct SoakTests {
    @Test func `seed after seed the tree does what a local directory does`() async throws {
        let end = ContinuousClock.now + .seconds(try #require(soakSeconds))
        var seed = testSeed()
        while ContinuousClock.now < end, !Task.isCancelled {
            let current = seed
            try await onOwnThread {
                let world = try TreeWorld(keepsNames: current.isMultiple(of: 2))
                defer { world.end() }
                var random = try RandomRun(world, oracle: NSTemporaryDirectory() + "/outputfs-oracle-\(UUID())")
                try random.run(seed: current, steps: 2000)
            }
            seed &+= 1
        }
    }
}

private let soakSeconds = ProcessInfo.processInfo.environment["OUTPUTFS_SOAK_SECONDS"].flatMap { Int($0) }
