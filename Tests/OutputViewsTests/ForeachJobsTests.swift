import BlobStorage
import OutputConventions
import OutputTransfer
import OutputViews
import Synchronization
import TestSupport
import Testing

/// Which containers are jobs, what finding out costs, and what failures do to it.
@Suite("Foreach jobs are known by what is in them", .timeLimit(.minutes(5)))
struct ForeachJobsTests {
    @Test(
        arguments: [
            (["c12-metadata.rds"], true), (["c12.rds", "worker.R", "merger.R"], true), (["c12-task1.rds"], true),
            (["c12.rds"], false), (["c12.rds", "worker.R"], false), (["worker.R", "merger.R"], false), ([], false),
            (["c12-task1.txt", "c12-taskx.rds", "results/1-result.rds"], false), (["x-metadata.rds"], false),
        ]
    )
    func `a container is one by its blobs`(blobs: [String], isJob: Bool) async throws {
        let world = ForeachWorld()
        world.store.addContainer("c12")
        world.add(blobs, to: "c12")
        #expect(try await world.gatherer().jobs() == (isJob ? ["c12"] : []))
        #expect(try await world.gatherer().isForeachJob("c12") == isJob)
        #expect(try await world.gatherer(onlyContainer: "c12").jobs() == (isJob ? ["c12"] : []))
        let found = try await world.gatherer().find("c12", in: GatheredPlace(.foreach))
        #expect((found != nil) == isJob)
    }

    @Test func `many blobs named like the container hide nothing`() async throws {
        let world = ForeachWorld()
        world.submit("c12")
        world.add((0..<40).map { "c12-a\($0)" }, to: "c12")
        world.add((0..<40).map { "data-a\($0)" }, to: "data")
        #expect(try await world.gatherer().jobs() == ["c12"])
    }

    @Test func `a listing of jobs costs one request a container, and of old ones one in an hour`() async throws {
        let world = ForeachWorld()
        for number in 0..<200 { world.add(["x"], to: "plain\(number)") }
        for number in 0..<3 { world.submit("job\(number)") }
        world.now.withLock { $0 += 100_000 }
        let gatherer = world.gatherer()
        #expect(try await gatherer.jobs() == ["job0", "job1", "job2"])
        #expect(world.store.counts == [.listContainers: 1, .listBlobs: 203])
        world.store.resetCounts()
        world.now.withLock { $0 += 3_599 }
        #expect(try await gatherer.jobs() == ["job0", "job1", "job2"])
        #expect(world.store.counts == [.listContainers: 1])
        world.store.resetCounts()
        world.now.withLock { $0 += 1 }
        #expect(try await gatherer.jobs() == ["job0", "job1", "job2"])
        #expect(world.store.counts == [.listContainers: 1, .listBlobs: 200])
    }

    @Test func `a container that is new is looked at again by the next listing`() async throws {
        let world = ForeachWorld()
        world.store.addContainer("job1")
        let gatherer = world.gatherer()
        world.now.withLock { $0 += 5 }
        #expect(try await gatherer.jobs() == [])
        world.add(["worker.R", "merger.R"], to: "job1")
        world.now.withLock { $0 += 1 }
        #expect(try await gatherer.jobs() == [])
        world.add(["job1.rds"], to: "job1")
        world.now.withLock { $0 += 1 }
        #expect(try await gatherer.jobs() == ["job1"])
    }

    @Test func `a job is found by name at once, whatever a listing remembers`() async throws {
        let world = ForeachWorld()
        world.store.addContainer("job1")
        world.now.withLock { $0 += 100_000 }
        let gatherer = world.gatherer()
        #expect(try await gatherer.jobs() == [])
        world.submit("job1")
        #expect(try await gatherer.jobs() == [])
        world.store.resetCounts()
        #expect(try await gatherer.find("job1", in: GatheredPlace(.foreach)) != nil)
        #expect(world.store.counts == [.listBlobs: 1])
        #expect(try await gatherer.jobs() == ["job1"])
    }

    @Test func `a job that was deleted is gone, also when its container is made anew`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.submit("job2")
        let gatherer = world.gatherer()
        #expect(try await gatherer.jobs() == ["job1", "job2"])
        try await world.store.deleteContainer("job1")
        #expect(try await gatherer.jobs() == ["job2"])
        #expect(try await gatherer.find("job1", in: GatheredPlace(.foreach)) == nil)
        try await world.store.deleteContainer("job2")
        world.add(["x"], to: "job2")
        #expect(try await gatherer.jobs() == [])
    }

    @Test func `a job that was found by its name is not taken for the container that has the name now`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        let gatherer = world.gatherer()
        #expect(try await gatherer.find("job1", in: GatheredPlace(.foreach)) != nil)
        try await world.store.deleteContainer("job1")
        world.add(["x"], to: "job1")
        #expect(try await gatherer.jobs() == [])
        // Nor the other way round: what is known of the version that is there stays.
        try await world.store.deleteContainer("job1")
        world.submit("job1")
        #expect(try await gatherer.jobs() == ["job1"])
        #expect(try await gatherer.find("job1", in: GatheredPlace(.foreach)) != nil)
        world.store.resetCounts()
        #expect(try await gatherer.jobs() == ["job1"])
        #expect(world.store.counts == [.listContainers: 1])
    }

    @Test(arguments: [StorageError.Kind.notFound, .containerBeingDeleted, .denied])
    func `a container that cannot be looked into is not shown, the others are`(kind: StorageError.Kind) async throws {
        let world = ForeachWorld()
        // The listing of the first fails; without the right to list, names are asked for, and that is denied, too.
        world.add(["x"], to: "aaa")
        world.submit("job1")
        let gatherer = world.gatherer()
        world.store.failNext(.listBlobs, error: .test(kind))
        if kind == .denied { world.store.failNext(.properties, count: 4, error: .test(.denied)) }
        let jobs = try await gatherer.jobs()
        #expect(jobs.isEmpty || jobs == ["job1"])
        world.store.removeFaults()
        #expect(try await gatherer.jobs() == ["job1"])
    }

    @Test func `a listing that cannot be whole fails`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        let gatherer = world.gatherer()
        for operation in [StoreOperation.listContainers, .listBlobs] {
            world.store.failNext(operation, error: .test(.unavailable))
            await #expect(throws: StorageError.self) { _ = try await gatherer.jobs() }
        }
        #expect(try await gatherer.jobs() == ["job1"])
    }

    @Test func `a token that reads and does not list finds jobs by name`() async throws {
        let world = ForeachWorld()
        world.add(ForeachWorld.submitted("job1"), to: "job1")
        let gatherer = world.gatherer(onlyContainer: "job1")
        world.store.failNext(.listBlobs, count: .max, error: .test(.denied))
        #expect(try await gatherer.find("job1", in: GatheredPlace(.foreach)) != nil)
        world.add(["logs/1.txt"], to: "job1")
        #expect(try await gatherer.find("1", .tasks, of: "job1") != nil)
        #expect(try await gatherer.find("log.txt", .task("1"), of: "job1")?.blob == "logs/1.txt")
        await #expect(throws: StorageError.self) { _ = try await gatherer.names(.tasks, of: "job1") }
    }

    @Test func `a token that lists and does not read shows what is there`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.add(["logs/1.txt", "logs/1.txt.bak"], to: "job1")
        let gatherer = world.gatherer(onlyContainer: "job1")
        world.store.failNext(.properties, count: .max, error: .test(.denied))
        #expect(try await gatherer.names(.task("1"), of: "job1") == ["log.txt"])
        #expect(try await gatherer.find("log.txt", .task("1"), of: "job1")?.blob == "logs/1.txt")
        #expect(try await gatherer.find("2", .tasks, of: "job1") == nil)
    }

    @Test func `a token for one container asks for no other`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.submit("job2")
        let gatherer = world.gatherer(onlyContainer: "job1")
        world.store.resetCounts()
        #expect(try await gatherer.find("job2", in: GatheredPlace(.foreach)) == nil)
        #expect(world.store.counts.isEmpty)
        #expect(try await gatherer.jobs() == ["job1"])
    }

    @Test func `the directories of a job that is gone are not there`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        let gatherer = world.gatherer()
        #expect(try await gatherer.names(.job, of: "job1") == ["job", "other", "results", "tasks"])
        try await world.store.deleteContainer("job1")
        for directory in [ForeachDirectory.job, .tasks, .results, .other] {
            await #expect(throws: StorageError.self) { _ = try await gatherer.names(directory, of: "job1") }
        }
        #expect(try await gatherer.find("log.txt", .task("1"), of: "job1") == nil)
    }
}
