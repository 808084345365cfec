import BlobStorage
import Foundation
import OutputTransfer
import Synchronization
import TestSupport
import Testing

/// Foreach jobs over a store in memory: what the store does to them meanwhile.
@Suite(.timeLimit(.minutes(1)))
struct ForeachTests {
    private let store = MemoryStore()
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private var tree: StoreTree { StoreTree(store: store) }

    private func add(_ name: String, _ bytes: [UInt8] = []) {
        store.add(BlobAddress(container: "film", name: name), bytes)
    }

    /// A list with one number, uncompressed: by hand.
    private func result(_ name: String, padding count: Int = 0) -> [UInt8] {
        var bytes = Array("X\n".utf8)
        func int(_ value: Int32) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        func string(_ text: String) {
            int(0x40009)
            int(Int32(text.utf8.count))
            bytes += Array(text.utf8)
        }
        for value in [2, 0x30502, 0x20300, 0x213, 1, 24] as [Int32] { int(value) }
        int(Int32(count))
        bytes += [UInt8](repeating: 7, count: count)
        int(0x402)
        int(1)
        string("names")
        int(16)
        int(1)
        string(name)
        int(254)
        return bytes
    }

    private func submit(tasks: Int) {
        for script in ["worker.R", "merger.R"] { add(script) }
        add("film.rds")
        for task in 1...max(1, tasks) where tasks > 0 { add("\(task).rds") }
    }

    @Test(arguments: [
        (["film-metadata.rds", "results/1-result.rds"], "0.6.3 or later"), (["film-metadata.rds"], "0.6.2 or later"),
        (["film-metadata.rds", "result/film-task1-result.rds"], "0.6.2"),
        (["film.rds", "result/film-task1-result.rds"], "0.3.0 to 0.6.1"), (["result/film-task1-result.rds"], "0.2"),
        (["result/film-task1-result.rds", "stdout/film-task1-stdout.txt"], "0.3.0 to 0.6.1"),
    ])
    func `releases are told by their layout`(_ blobs: [String], _ releases: String) async throws {
        for blob in blobs { add(blob) }
        #expect(try await tree.foreachJob("film").releases == releases)
    }

    @Test func `missing tasks are told as ranges`() async throws {
        submit(tasks: 12)
        for task in [1, 5, 6, 11] { add("results/\(task)-result.rds", result("\(task)")) }
        for task in [2, 3, 9] { add("logs/\(task).txt") }
        let status = try await tree.status(of: tree.foreachJob("film"))
        #expect(status.missing == ["2-4", "7-10", "12"])
        #expect(status.missingCount == 8)
        #expect(status.endedWithout == ["2-3", "9"])
    }

    /// Which would take gigabytes if they were counted one by one.
    @Test func `a blob that looks like a task far away costs nothing`() async throws {
        submit(tasks: 0)
        add("results/999999999-result.rds", result("1"))
        let status = try await tree.status(of: tree.foreachJob("film"))
        #expect(status.missing == ["1-999999998"])
        #expect(status.missingCount == 999_999_998)
    }

    @Test func `a container's own token reaches no other job`() async throws {
        submit(tasks: 0)
        let tree = StoreTree(store: store, onlyContainer: "other")
        await #expect(throws: ForeachProblem.noSuchContainer("film")) { try await tree.foreachJob("film") }
        let mirror = ForeachMirror(tree: tree, container: "film", to: folder.path, jobs: 1) { _ in }
        await #expect(throws: ForeachProblem.noSuchContainer("film")) { try await mirror.round() }
    }

    @Test func `large results are read in ranges`() async throws {
        submit(tasks: 1)
        add("results/1-result.rds", result("1", padding: 9 << 20))
        let report = try await ForeachErrors(tree: tree, job: tree.foreachJob("film"), jobs: 2).run()
        #expect(report.iterations == 1 && report.unreadable.isEmpty)
        #expect(store.count(of: .read) >= 3)
    }

    @Test func `a result that is replaced after the listing is read as it is now`() async throws {
        submit(tasks: 1)
        add("results/1-result.rds", [1, 2, 3])
        let job = try await tree.foreachJob("film")
        add("results/1-result.rds", result("1"))
        let report = try await ForeachErrors(tree: tree, job: job, jobs: 1).run()
        #expect(report.unreadable.isEmpty && report.iterations == 1)
    }

    @Test func `a result that is gone after the listing is named, and others are read`() async throws {
        submit(tasks: 2)
        for task in 1...2 { add("results/\(task)-result.rds", result("\(task)")) }
        let job = try await tree.foreachJob("film")
        try await store.delete(BlobAddress(container: "film", name: "results/1-result.rds"), condition: .any)
        let report = try await ForeachErrors(tree: tree, job: job, jobs: 4).run()
        #expect(report.unreadable.map(\.blob) == ["film/results/1-result.rds"])
        #expect(report.results == 1)
    }

    @Test func `a read that is held ends when its task is cancelled`() async throws {
        submit(tasks: 1)
        add("results/1-result.rds", result("1"))
        let errors = ForeachErrors(tree: tree, job: try await tree.foreachJob("film"), jobs: 1)
        store.hold(.read)
        let task = Task { try await errors.run() }
        await store.waitUntilHeld(.read)
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
        store.release(.read)
    }

    @Test func `a mirror tries again what failed, and says it once`() async throws {
        submit(tasks: 2)
        let events = Mutex<[TransferEvent]>([])
        let mirror = ForeachMirror(tree: tree, container: "film", to: folder.path + "/m", jobs: 1) { event in
            events.withLock { $0.append(event) }
        }
        add("logs/1.txt", Array("log".utf8))
        let error = StorageError(.denied, .permanent, operation: "Get Blob", resource: "film", message: "no")
        store.failNext(.read, count: 2, error: error)
        #expect(try await mirror.round() == .running)
        #expect(mirror.failedCount == 1)
        #expect(try await mirror.round() == .running)
        #expect(mirror.failedCount == 1)
        #expect(try await mirror.round() == .running)
        #expect(mirror.failedCount == 0)
        let failures = events.withLock { $0.filter { if case .failed = $0.kind { true } else { false } } }
        #expect(failures.map(\.source) == ["film/logs/1.txt"])
    }

    @Test func `a mirror tells a container that went from one that never was`() async throws {
        let mirror = ForeachMirror(tree: tree, container: "film", to: folder.path + "/m", jobs: 1) { _ in }
        await #expect(throws: ForeachProblem.noSuchContainer("film")) { try await mirror.round() }
        submit(tasks: 0)
        #expect(try await mirror.round() == .running)
        try await store.deleteContainer("film")
        #expect(try await mirror.round() == .gone)
    }

    @Test func `a mirror is complete when one more look brought nothing`() async throws {
        submit(tasks: 1)
        add("results/1-result.rds", result("1"))
        add("results/merge-result.rds", result("1"))
        let mirror = ForeachMirror(tree: tree, container: "film", to: folder.path + "/m", jobs: 4) { _ in }
        #expect(try await mirror.round() == .running)
        #expect(try await mirror.round() == .running)
        add("logs/merge.txt", [1])
        #expect(try await mirror.round() == .running)
        #expect(try await mirror.round() == .running)
        #expect(try await mirror.round() == .complete)
    }

    @Test func `a mirror waits for the merge's log when all tasks are there`() async throws {
        submit(tasks: 2)
        for task in 1...2 { add("results/\(task)-result.rds", result("\(task)")) }
        let mirror = ForeachMirror(tree: tree, container: "film", to: folder.path + "/m", jobs: 4) { _ in }
        for _ in 0..<4 { #expect(try await mirror.round() == .running) }
        add("logs/merge.txt", [1])
        for _ in 0..<2 { #expect(try await mirror.round() == .running) }
        #expect(try await mirror.round() == .complete)
    }

    @Test func `salvage that is cancelled leaves nothing`() async throws {
        submit(tasks: 2)
        for task in 1...2 { add("results/\(task)-result.rds", result("\(task)")) }
        let job = try await tree.foreachJob("film")
        let target = ForeachSalvage.Target.merged(folder.path + "/all.rds")
        let salvage = ForeachSalvage(tree: tree, job: job, to: target, dropsErrors: false, jobs: 2) { _ in }
        store.hold(.read)
        let task = Task { try await salvage.run() }
        await store.waitUntilHeld(.read)
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
        store.release(.read)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
}
