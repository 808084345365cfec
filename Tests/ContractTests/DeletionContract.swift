import BlobStorage
import TestSupport
import Testing

/// What storage promises about many deletes at once.
@Suite(.timeLimit(.minutes(5)))
struct DeletionContract {
    @Test(arguments: StorageUnderTest.available)
    func `of many each goes, or says why not, in their order`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            // More than one batch of the service's.
            let names = (0..<300).map { "many/\($0) ü%" }
            var deletions: [BlobDeletion] = []
            for name in names {
                let version = try await bench.put(name, name)
                deletions.append(BlobDeletion(bench.address(name), condition: .matches(version.etag)))
            }
            try await bench.put(names[7], "newer")
            try await bench.store.delete(bench.address(names[290]), condition: .any)
            deletions.append(BlobDeletion(bench.address("never there"), condition: .any))
            let failures = await bench.store.deleteEach(deletions)
            #expect(failures.count == 301)
            #expect(failures[7]?.kind == .conditionFailed)
            #expect(failures[290].map { $0.kind == .notFound || $0.kind == .conditionFailed } == true)
            #expect(failures[300]?.kind == .notFound)
            #expect(failures.indices.filter { failures[$0] != nil } == [7, 290, 300])
            var (left, marker): ([String], ListMarker?) = ([], nil)
            repeat {
                let page = try await bench.store.listBlobs(BlobQuery(container: bench.container), after: marker)
                left += page.items.map(\.name)
                marker = page.next
            } while marker != nil
            // Where directories are real, the one that the names are in stays.
            #expect(left.filter { $0 != "many" } == [names[7]])
            #expect(try await bench.text(of: names[7]) == "newer")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `none is nothing, and those of a container that is not there are not there`(
        storage: StorageUnderTest
    ) async throws {
        let store = try await storage.makeStore()
        #expect(await store.deleteEach([]).isEmpty)
        let deletions = ["a", "b"].map {
            BlobDeletion(BlobAddress(container: Bench.freshName(), name: $0), condition: .any)
        }
        #expect(await store.deleteEach(deletions).map { $0?.kind } == [.notFound, .notFound])
    }
}
