internal import Dispatch
internal import Foundation
internal import Synchronization

/// Runs `body`, which blocks, on a thread of its own: Swift's cooperative pool has one thread per core, and the tree
/// needs them to answer.
package func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        startThread { continuation.resume(with: Result { try body() }) }
    }
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.stackSize = 1 << 20
    thread.start()
}

/// A thread that does something beside its maker, who can wait for its end.
package final class Worker<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let group = DispatchGroup()

    package init(_ body: @escaping @Sendable () throws -> Value) {
        group.enter()
        startThread { [self] in
            let value = Result { try body() }
            result.withLock { $0 = value }
            group.leave()
        }
    }

    package var isFinished: Bool { result.withLock { $0 != nil } }

    /// Blocks until it is done.
    package func join() throws -> Value {
        group.wait()
        guard let value = result.withLock({ $0 }) else { throw CancellationError() }
        return try value.get()
    }
}

/// Asks until `condition` holds or a minute is over; says which. For what happens behind an answer, such as a commit
/// after the last release.
package func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<6_000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return try condition()
}
