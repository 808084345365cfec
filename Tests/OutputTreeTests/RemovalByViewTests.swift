import BlobStorage
import OutputConventions
import TestSupport
import Testing

@testable import OutputTree

/// `outputfs rm` without a mount, by paths of which only the store and the configuration tell what they mean.
@Suite("A mass delete by a gathered path", .timeLimit(.minutes(5)))
struct RemovalByViewTests {
    private func step(_ path: String) -> RemovalStep {
        RemovalStep(path: path, isRecursive: true, isDryRun: false, atOnce: 4)
    }

    @Test func `goes by the datastores of the configuration`() async throws {
        let store = MemoryStore(containers: [blobstore, "lab"])
        for blob in ["d/f", "spring/d/f"] {
            store.add(BlobAddress(container: blobstore, name: blob), [1])
            store.add(BlobAddress(container: "lab", name: blob), [1])
        }
        let configured = ConfiguredDatastore(name: "workspaceblobstore", container: "lab", prefix: "spring/")
        let removal = MassRemoval(store: store, views: .all, onlyContainer: nil, datastores: [configured])
        let answer = try await removal.run(step("datastores/workspaceblobstore/d"))
        #expect(answer.failures == [] && answer.blobs.map(\.path) == ["lab/spring/d/f"])
        #expect(store.blobNames(in: blobstore) == ["d/f", "spring/d/f"] && store.blobNames(in: "lab") == ["d/f"])
    }

    /// Two uploads of one asset: the second one gets the name when the first is gone.
    @Test func `does not go on in what has the name next`() async throws {
        let store = MemoryStore(containers: ["azureml", blobstore], habits: ListingHabits(pageSizeMax: 2))
        for id in ["1", "2"] {
            for file in ["a", "b", "c"] { upload(id, file, store) }
        }
        let removal = MassRemoval(store: store, views: .all, onlyContainer: nil)
        var next = step("uploads/iris@1")
        var answer = try await removal.run(next)
        #expect(answer.blobs.count == 2 && answer.next != nil)
        // By somebody else.
        store.remove(BlobAddress(container: blobstore, name: "LocalUpload/1/c"))
        (next.marker, next.directory) = (answer.next, answer.directory)
        answer = try await removal.run(next)
        #expect(answer.blobs == [] && answer.failures == [] && answer.next == nil)
        #expect(store.blobNames(in: blobstore) == ["LocalUpload/2/a", "LocalUpload/2/b", "LocalUpload/2/c"])
    }

    @Test func `is at its end where the name is gone meanwhile`() async throws {
        let store = MemoryStore(containers: ["azureml", blobstore], habits: ListingHabits(pageSizeMax: 2))
        for file in ["a", "b", "c"] { upload("1", file, store) }
        let removal = MassRemoval(store: store, views: .all, onlyContainer: nil)
        var next = step("uploads/iris@1")
        let answer = try await removal.run(next)
        store.remove(BlobAddress(container: blobstore, name: "LocalUpload/1/c"))
        (next.marker, next.directory) = (answer.next, answer.directory)
        let last = try await removal.run(next)
        #expect(last.blobs == [] && last.failures == [] && last.next == nil)
    }

    /// The blob that says what an upload is called goes first.
    @Test func `goes on in an upload that has lost its name`() async throws {
        let store = MemoryStore(containers: ["azureml", blobstore], habits: ListingHabits(pageSizeMax: 2))
        upload("1", "a", store)
        for file in ["b", "c", "d", "e"] {
            store.add(BlobAddress(container: blobstore, name: "LocalUpload/1/\(file)"), [1])
        }
        let removal = MassRemoval(store: store, views: .all, onlyContainer: nil)
        var next = step("uploads/iris@1")
        repeat {
            let answer = try await removal.run(next)
            #expect(answer.failures == [])
            (next.marker, next.directory) = (answer.next, answer.directory)
        } while next.marker != nil
        #expect(store.blobNames(in: blobstore) == [])
    }

    @Test func `leaves the run's own directory to what else is in it`() async throws {
        for isShared in [true, false] {
            let store = MemoryStore(containers: ["azureml"], namespace: .hierarchical)
            let run = "ExperimentRun/dcid.r"
            for blob in ["conf", "model/deep/weights"] + (isShared ? ["outputs/f"] : []) {
                store.add(BlobAddress(container: "azureml", name: "\(run)/\(blob)"), [1])
            }
            let removal = MassRemoval(store: store, views: .all, onlyContainer: nil)
            let answer = try await removal.run(step("runs/r/artifacts"))
            #expect(answer.failures == [])
            let left = isShared ? ["ExperimentRun", run, "\(run)/outputs", "\(run)/outputs/f"] : ["ExperimentRun"]
            #expect(store.blobNames(in: "azureml") == left)
        }
    }

    @Test func `leaves the markers of directories that are no artifacts`() async throws {
        let store = MemoryStore(containers: ["azureml"])
        for name in ["logs", "model"] {
            let marker = BlobAddress(container: "azureml", name: "ExperimentRun/dcid.r/\(name)")
            store.add(marker, [], metadata: ["hdi_isfolder": "true"])
        }
        let removal = MassRemoval(store: store, views: .all, onlyContainer: nil)
        let answer = try await removal.run(step("runs/r/artifacts"))
        #expect(answer.failures == [] && store.blobNames(in: "azureml") == ["ExperimentRun/dcid.r/logs"])
    }
}
