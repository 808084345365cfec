import BlobStorage
import FileSystemSuite
import Synchronization
import TestSupport
import Testing

@testable import OutputTree

/// Asking for the next page of a listing before the last one is read.
@Suite("Answers to List Blobs that are asked for ahead", .timeLimit(.minutes(5)))
struct ListingAnswerTests {
    private let query = BlobQuery(container: "many", prefix: "d/", delimiter: "/")

    private func answer(_ store: ManyBlobs, after marker: ListMarker? = nil) -> ListingAnswer {
        ListingAnswer(query, after: marker, from: store, clock: ManualClock().treeClock)
    }

    @Test func `who reads one page asks for one`() async throws {
        let store = ManyBlobs(count: 12_000)
        let page = try await answer(store).page()
        #expect(page.items.count == 5_000)
        #expect(store.listCount == 1)
    }

    @Test func `who goes on has the next answer under way when a page is there, and no more than that`() async throws {
        let store = ManyBlobs(count: 20_000)
        let first = answer(store)
        first.goOn()
        let marker = try #require(try await first.page().next)
        let second = try #require(first.next(after: marker))
        #expect(try await second.page().items.first?.name == "d/" + ManyBlobs.name(5_000))
        #expect(store.listCount == 2)
        #expect(first.next(after: ListMarker("elsewhere")) == nil)
    }

    @Test func `who decides to go on later gets it all the same`() async throws {
        let store = ManyBlobs(count: 12_000)
        let first = answer(store)
        let marker = try #require(try await first.page().next)
        #expect(first.next(after: marker) == nil)
        first.goOn()
        #expect(try await first.next(after: marker)?.page().items.count == 5_000)
        #expect(store.listCount == 2)
    }

    @Test func `nothing is asked for behind the last page`() async throws {
        let store = ManyBlobs(count: 5_000)
        let only = answer(store)
        only.goOn()
        #expect(try await only.page().next == nil)
        #expect(store.listCount == 1)
    }

    @Test func `the next answer is asked for before the page is read`() async throws {
        let lists = Atomic(0)
        // The first page is not finished until the second was asked for.
        let store = ManyBlobs(count: 10_000, onList: { lists.add(1, ordering: .relaxed) }) {
            while lists.load(ordering: .relaxed) < 2 { await Task.yield() }
        }
        let first = answer(store)
        first.goOn()
        #expect(try await first.page().items.count == 5_000)
    }

    @Test func `who waits and is interrupted takes the request with him`() async throws {
        let store = MemoryStore()
        store.hold(.listBlobs)
        let answer = ListingAnswer(query, after: nil, from: store, clock: ManualClock().treeClock)
        let waiter = Task { try await answer.page() }
        await store.waitUntilHeld(.listBlobs)
        waiter.cancel()
        await #expect(throws: StorageError.self) { try await waiter.value }
    }
}
