internal import Synchronization

/// Adds up what tasks find side by side.
final class SharedCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add(_ more: Int = 1) { count.wrappingAdd(more, ordering: .relaxed) }
}

/// Counters that tasks change side by side.
final class SharedCounters: Sendable {
    private let counters = Mutex(TransferCounters())

    var value: TransferCounters { counters.withLock { $0 } }

    func change(_ body: (inout TransferCounters) -> Void) { counters.withLock { body(&$0) } }
}
