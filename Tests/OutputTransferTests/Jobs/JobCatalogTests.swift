import BlobStorage
import OutputConventions
import OutputTransfer
import Synchronization
import TestSupport
import Testing

/// Which jobs are found, and for how many requests.
@Suite(.timeLimit(.minutes(1)))
struct JobCatalogTests {
    private static func names(
        _ store: MemoryStore,
        _ conventions: Set<JobConvention> = Set(JobConvention.allCases),
        trueIDs: [String: String] = [:]
    ) async throws -> [String] {
        let found = Mutex<[String]>([])
        let catalog = JobCatalog(tree: StoreTree(store: store), trueIDs: trueIDs)
        try await catalog.each(of: conventions) { job in found.withLock { $0.append(job.path) } }
        return found.withLock { $0.sorted() }
    }

    private static func loop(_ store: MemoryStore, _ name: String) {
        store.add(BlobAddress(container: name, name: "\(name)-metadata.rds"))
        store.add(BlobAddress(container: name, name: "worker.R"))
    }

    @Test func `jobs of Batch cost no request of their own`() async throws {
        let store = MemoryStore(containers: (1...300).map { "job-film-\($0)" })
        #expect(try await Self.names(store).count == 300)
        #expect(store.count(of: .listBlobs) == 0 && store.count(of: .properties) == 0)
        #expect(store.count(of: .containerProperties) == 0)
    }

    @Test func `a container that is no loop costs one small listing`() async throws {
        let store = MemoryStore(containers: (1...50).map { "models-\($0)" })
        store.add(BlobAddress(container: "models-7", name: "a.rds"))
        #expect(try await Self.names(store) == [])
        #expect(store.count(of: .listBlobs) == 50 && store.count(of: .properties) == 0)
    }

    @Test func `a loop is found by what is in it, with many tasks between its own names`() async throws {
        let store = MemoryStore()
        Self.loop(store, "job20261121")
        for task in 1...20 { store.add(BlobAddress(container: "old", name: "old-m\(task).rds")) }
        for name in ["old.rds", "worker.R", "merger.R"] { store.add(BlobAddress(container: "old", name: name)) }
        for name in ["half.rds", "worker.R"] { store.add(BlobAddress(container: "half", name: name)) }
        #expect(try await Self.names(store) == ["foreach/job20261121", "foreach/old"])
    }

    @Test func `a container that goes away while it is looked into is none`() async throws {
        let store = MemoryStore()
        Self.loop(store, "job20261121")
        store.failNext(.listBlobs, count: .max, error: .test(.notFound))
        #expect(try await Self.names(store) == [])
    }

    @Test func `a listing that fails is no answer`() async throws {
        let store = MemoryStore()
        Self.loop(store, "job20261121")
        store.failNext(.listBlobs, count: .max, error: .test(.unavailable, .persistent))
        await #expect(throws: StorageError.self) { _ = try await Self.names(store) }
    }

    @Test func `a run in several containers is one`() async throws {
        let store = MemoryStore()
        store.add(BlobAddress(container: "azureml", name: "ExperimentRun/dcid.cow/outputs/a"))
        store.add(BlobAddress(container: "azureml-blobstore-1", name: "azureml/cow/out/a"))
        store.add(BlobAddress(container: "azureml-blobstore-1", name: "azureml/only/out/a"))
        // The marker of a folder without a blob is no run.
        store.add(BlobAddress(container: "azureml", name: "azureml/ghost"), metadata: ["hdi_isfolder": "true"])
        #expect(try await Self.names(store, [.azureml]) == ["runs/cow", "runs/only"])
        let name = try #require(JobName("cow"))
        let job = try #require(try await JobCatalog(tree: StoreTree(store: store)).find(name).first)
        #expect(
            job.places.map(\.description)
                == ["azureml/ExperimentRun/dcid.cow/", "azureml-blobstore-1/azureml/cow/"]
        )
    }

    @Test func `Batch's ids win over those that containers tell`() async throws {
        let store = MemoryStore(containers: ["job-film", "job-plain"])
        #expect(try await Self.names(store, [.batch], trueIDs: ["job-film": "Film"]) == ["jobs/Film", "jobs/plain"])
    }

    @Test func `a token for one container finds that one`() async throws {
        let store = MemoryStore(containers: ["job-film", "job-other"])
        store.add(BlobAddress(container: "job-film", name: "$JobOutput/a"))
        let catalog = JobCatalog(tree: StoreTree(store: store, onlyContainer: "job-film"))
        let found = Mutex<[String]>([])
        try await catalog.each(of: [.batch]) { job in found.withLock { $0.append(job.id) } }
        #expect(found.withLock { $0 } == ["film"])
        #expect(try await catalog.find(try #require(JobName("jobs/film"))).count == 1)
        #expect(try await catalog.find(try #require(JobName("other"))).isEmpty)
        #expect(store.count(of: .listContainers) == 0)
    }

    @Test(arguments: ["", "/", "a/b/c", "containers/film", "tasks/1"])
    func `what cannot be a job is none`(_ text: String) {
        #expect(JobName(text) == nil)
    }

    @Test func `a job's own folder and its id name the same`() throws {
        #expect(JobName("film") == JobName(id: "film", convention: nil))
        #expect(JobName("/jobs/film/") == JobName(id: "film", convention: .batch))
        #expect(JobName("runs/cow") == JobName(id: "cow", convention: .azureml))
    }

    @Test func `a workspace's container is never deleted as a whole`() async throws {
        let store = MemoryStore(containers: ["azureml", "job-film"])
        let catalog = JobCatalog(tree: StoreTree(store: store))
        try await catalog.deleteContainer(of: Job(.batch, id: "x", places: [.init(container: "azureml")]))
        try await catalog.deleteContainer(
            of: Job(.azureml, id: "x", places: [.init(container: "job-film", prefix: "a/")])
        )
        #expect(store.containerNames == ["azureml", "job-film"])
        try await catalog.deleteContainer(of: Job(.batch, id: "film", places: [.init(container: "job-film")]))
        #expect(store.containerNames == ["azureml"])
    }

    @Test func `places have paths of the tree`() {
        #expect(Job.Place(container: "job-film").path == "containers/job-film")
        let folder = Job.Place(container: "azureml", prefix: "ExperimentRun/dcid.cow/")
        #expect(folder.path == "containers/azureml/ExperimentRun/dcid.cow")
        let blob = Job.Place(container: "azureml", prefix: "ComputeRecord/dcid.cow", isBlob: true)
        #expect(blob.path == "containers/azureml/ComputeRecord/dcid.cow")
    }
}
