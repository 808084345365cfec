import BlobStorage
import OutputConventions
import OutputViews
import TestSupport
import Testing

/// What is in a job's directories, and how many requests that takes.
@Suite("Directories of a foreach job", .timeLimit(.minutes(5)))
struct ForeachTasksTests {
    @Test func `tasks are all that left anything, of whatever kind`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.add(
            [
                "1.rds", "results/2-result.rds", "logs/3.txt", "stdout/4-stdout.txt", "stderr/5-stderr.txt",
                "logs/merge.txt", "logs/x.txt", "logs/06.txt", "logs/7.txt/y", "8.txt", "result/9-result.rds",
                "result/job1-task10-result.rds", "job1-task11.rds",
            ],
            to: "job1"
        )
        let gatherer = world.gatherer()
        let names = ["1", "2", "3", "4", "5", "job1-task10", "job1-task11", "merge"]
        #expect(try await gatherer.names(.tasks, of: "job1") == names)
        for name in names { #expect(try await gatherer.find(name, .tasks, of: "job1") != nil, "\(name)") }
        for absent in ["6", "06", "7", "8", "9", "x", "job1-task12", "job1-merge", "tasks", "1.rds"] {
            #expect(try await gatherer.find(absent, .tasks, of: "job1") == nil, "\(absent)")
        }
    }

    @Test func `an id that is too long for the name of a file is none`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        let (most, more) = (String(repeating: "7", count: 251), String(repeating: "7", count: 252))
        world.add(["results/\(most)-result.rds", "results/\(more)-result.rds"], to: "job1")
        let gatherer = world.gatherer()
        #expect(try await gatherer.names(.tasks, of: "job1") == [most])
        #expect(try await gatherer.names(.results, of: "job1") == [most + ".rds"])
        #expect(try await gatherer.names(.other, of: "job1") == ["results"])
        #expect(try await gatherer.find(more, .tasks, of: "job1") == nil)
    }

    @Test func `a file that only listings show is shown`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.add(["logs/1.txt"], to: "job1")
        world.store.fail(call: 2, of: .properties, error: .test(.encrypted))
        #expect(try await world.gatherer().names(.task("1"), of: "job1") == ["log.txt"])
    }

    /// As 20,000 tasks in pages of 5,000.
    @Test func `the tasks of a large job are listed with few requests`() async throws {
        let world = ForeachWorld(habits: ListingHabits(pageSizeMax: 100))
        world.submit("job1")
        for number in 1...400 {
            world.add(
                [
                    "results/\(number)-result.rds", "logs/\(number).txt", "stdout/\(number)-stdout.txt",
                    "stderr/\(number)-stderr.txt",
                ],
                to: "job1"
            )
        }
        world.add(["results/merge-result.rds", "logs/merge.txt"], to: "job1")
        world.store.resetCounts()
        let names = try await world.gatherer().names(.tasks, of: "job1")
        #expect(names.count == 401)
        // Four pages of each kind, one more where merge's blob does not fit in, the other two folders.
        #expect(world.store.counts == [.listBlobs: 5 + 5 + 4 + 4 + 1 + 1])
    }

    @Test func `a task or a file of it is found without a listing`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.add(["results/1-result.rds", "logs/1.txt", "2.rds"], to: "job1")
        let gatherer = world.gatherer()
        let costs: [(String, ForeachDirectory, Int)] = [
            ("1", .tasks, 1), ("2", .tasks, 5), ("3", .tasks, 5), ("x", .tasks, 0), ("log.txt", .task("1"), 1),
            ("result.rds", .task("1"), 1), ("args.rds", .task("1"), 1), ("core", .task("1"), 0), ("1.rds", .results, 1),
            ("3.rds", .results, 2), ("environment.rds", .files, 1), ("scripts", .files, 0), ("worker.R", .scripts, 1),
            ("tasks", .job, 0), ("x", .job, 0),
        ]
        for (name, directory, requests) in costs {
            world.store.resetCounts()
            _ = try await gatherer.find(name, directory, of: "job1")
            #expect(world.store.counts[.listBlobs] == nil, "\(name)")
            #expect(world.store.counts[.properties, default: 0] == requests, "\(name)")
        }
    }

    @Test func `a task shows the files that are there`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.add(["results/1-result.rds", "logs/1.txt", "1.rds", "logs/2.txt"], to: "job1")
        let gatherer = world.gatherer()
        #expect(try await gatherer.names(.task("1"), of: "job1") == ["args.rds", "log.txt", "result.rds"])
        #expect(try await gatherer.names(.files, of: "job1") == ["environment.rds", "metadata.rds", "scripts"])
        #expect(try await gatherer.names(.scripts, of: "job1") == ForeachBlob.scripts)
    }

    @Test func `folders of tasks' blobs are shown in other only for what follows no rule`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.add(["results/1-result.rds", "logs/1.txt", "stdout/1-stdout.txt", "stderr/1-stderr.txt"], to: "job1")
        let gatherer = world.gatherer()
        #expect(try await gatherer.names(.other, of: "job1") == [])
        #expect(try await gatherer.find("logs", .other, of: "job1") == nil)
        world.add(["logs/note", "stdout/1-stdout.txt/deep", "mine/x", "a", "a/b"], to: "job1")
        #expect(try await gatherer.names(.other, of: "job1") == ["%=a%file", "a", "logs", "mine", "stdout"])
        for name in ["logs", "mine", "stdout", "a", "%=a%file"] {
            #expect(try await gatherer.find(name, .other, of: "job1") != nil, "\(name)")
        }
        for absent in ["results", "worker.R", "job1.rds", "1.rds", "nothing"] {
            #expect(try await gatherer.find(absent, .other, of: "job1") == nil, "\(absent)")
        }
    }

    @Test func `markers of directories are no files, and keep directories in other alone`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        func mark(_ name: String) {
            world.store.add(BlobAddress(container: "job1", name: name), metadata: ["hdi_isfolder": "true"])
        }
        for name in ["results", "logs", "logs/1.txt", "mine"] { mark(name) }
        world.store.add(BlobAddress(container: "job1", name: "stdout/"))
        let gatherer = world.gatherer()
        #expect(try await gatherer.names(.tasks, of: "job1") == [])
        #expect(try await gatherer.find("1", .tasks, of: "job1") == nil)
        #expect(try await gatherer.find("log.txt", .task("1"), of: "job1") == nil)
        #expect(try await gatherer.names(.other, of: "job1") == ["logs", "mine"])
        #expect(try await gatherer.find("mine", .other, of: "job1") != nil)
        #expect(try await gatherer.find("results", .other, of: "job1") == nil)
    }

    @Test func `in a hierarchical namespace the store's directories are nothing in other, and a file is below none`()
        async throws
    {
        let world = ForeachWorld(namespace: .hierarchical)
        world.submit("job1")
        world.add(["logs/1.txt", "results/1-result.rds", "stdout"], to: "job1")
        let gatherer = world.gatherer()
        #expect(try await gatherer.jobs() == ["job1"])
        #expect(try await gatherer.names(.tasks, of: "job1") == ["1"])
        #expect(try await gatherer.names(.task("1"), of: "job1") == ["log.txt", "result.rds"])
        #expect(try await gatherer.names(.other, of: "job1") == ["stdout"])
        #expect(try await gatherer.find("logs", .other, of: "job1") == nil)
        #expect(try await gatherer.find("stdout", .other, of: "job1")?.blob == "stdout")
        world.add(["results/mine/x"], to: "job1")
        #expect(try await gatherer.names(.other, of: "job1") == ["results", "stdout"])
        #expect(try await gatherer.find("results", .other, of: "job1") != nil)
    }

    @Test func `a listing that fails in part fails`() async throws {
        let world = ForeachWorld()
        world.submit("job1")
        world.add(["logs/1.txt"], to: "job1")
        let gatherer = world.gatherer()
        for call in 1...6 {
            world.store.fail(call: call, of: .listBlobs, error: .test(.unavailable))
            await #expect(throws: StorageError.self) { _ = try await gatherer.names(.tasks, of: "job1") }
            world.store.removeFaults()
        }
        world.store.fail(call: 3, of: .properties, error: .test(.unavailable))
        await #expect(throws: StorageError.self) { _ = try await gatherer.names(.task("1"), of: "job1") }
    }
}
