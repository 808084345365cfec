import BlobStorage
import Synchronization

/// An answer to List Blobs that is on its way, and the one behind it.
///
/// Where the next page begins is known as soon as an answer is there, before its 5,000 blobs are read: reading them takes
/// about as long as the next round trip, so that who asks at once waits for the longer of the two and not for both.
/// A request is given up with the last reference to its answer.
final class ListingAnswer: Sendable {
    /// Where its page begins.
    let marker: ListMarker?
    let startedAt: Duration
    private let task: Task<Result<BlobPage, StorageError>, Never>
    private let succession: Succession

    init(_ query: BlobQuery, after marker: ListMarker?, from store: any BlobStore, clock: TreeClock) {
        self.marker = marker
        startedAt = clock.monotonic()
        let succession = Succession { ListingAnswer(query, after: $0, from: store, clock: clock) }
        self.succession = succession
        task = Task {
            do throws(StorageError) {
                let page = try await store.listBlobs(query, after: marker) { succession.learn($0) }
                if let next = page.next { succession.learn(next) }
                return .success(page)
            } catch {
                return .failure(error)
            }
        }
    }

    deinit { task.cancel() }

    /// The reading goes on behind this page: the next answer is asked for as soon as can be.
    func goOn() { succession.goOn() }

    /// The next answer, if it was asked for and begins there.
    func next(after marker: ListMarker) -> ListingAnswer? {
        guard let next = succession.next, next.marker == marker else { return nil }
        return next
    }

    /// For one who waits; if he is cancelled, so is the request.
    func page() async throws(StorageError) -> BlobPage {
        try await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }.get()
    }

    /// Asks for the next answer once both is so: where it begins is known, and somebody wants it.
    private final class Succession: Sendable {
        private struct State {
            var marker: ListMarker?
            var isWanted = false
            var next: ListingAnswer?
        }

        private let state = Mutex(State())
        private let ask: @Sendable (ListMarker) -> ListingAnswer

        init(ask: @escaping @Sendable (ListMarker) -> ListingAnswer) { self.ask = ask }

        var next: ListingAnswer? { state.withLock { $0.next } }

        func learn(_ marker: ListMarker) { change { $0.marker = marker } }
        func goOn() { change { $0.isWanted = true } }

        private func change(_ change: (inout State) -> Void) {
            state.withLock { state in
                change(&state)
                guard state.isWanted, state.next == nil, let marker = state.marker else { return }
                state.next = ask(marker)
            }
        }
    }
}
