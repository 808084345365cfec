import Synchronization

/// Tells whether a section is entered by one at a time.
final class Counter: Sendable {
    private let count = Atomic(0)

    func enter() -> Bool { count.add(1, ordering: .sequentiallyConsistent).newValue == 1 }
    func leave() { count.subtract(1, ordering: .sequentiallyConsistent) }
}
