import FileSystemModel
import Synchronization
import Testing

struct ValueTests {
    @Test func `names are equal by their bytes, not by canonical equivalence`() {
        let composed = FileName("\u{e9}")
        let decomposed = FileName("e\u{301}")
        #expect(composed.string == decomposed.string)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
    }

    @Test func `times are ordered by seconds, then nanoseconds`() {
        #expect(Timestamp(seconds: 1, nanoseconds: 9) < Timestamp(seconds: 2, nanoseconds: 0))
        #expect(Timestamp(seconds: 1, nanoseconds: 1) < Timestamp(seconds: 1, nanoseconds: 2))
        #expect(!(Timestamp(seconds: 1) < Timestamp(seconds: 1)))
    }

    @Test func `the first notification in an empty queue wakes its sender, the next ones do not`() {
        let notifications = KernelNotifications()
        let wakes = Atomic(0)
        notifications.onArrival { wakes.add(1, ordering: .relaxed) }
        notifications.send(.invalidateEntry(parent: .root, name: "a"))
        notifications.send(.invalidateEntry(parent: .root, name: "b"))
        #expect(wakes.load(ordering: .relaxed) == 1)
        #expect(notifications.take().count == 2)
        #expect(notifications.take().isEmpty)
        notifications.send(.invalidateEntry(parent: .root, name: "c"))
        #expect(wakes.load(ordering: .relaxed) == 2)
    }
}
