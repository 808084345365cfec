import BlobStorage
import Testing

@testable import AzureBlob

private func failure(
    _ kind: StorageError.Kind,
    _ persistence: StorageError.Persistence = .temporary,
    status: Int? = nil,
    code: String? = nil,
    retryAfter: Duration? = nil
) -> StorageError {
    StorageError(
        kind,
        persistence,
        operation: "Get Blob",
        resource: "c/b",
        message: "",
        status: status,
        code: code,
        retryAfter: retryAfter
    )
}

struct RetryPolicyTests {
    private let policy = RetryPolicy(deadline: .seconds(60))

    @Test func `doubles the longest wait up to a limit`() {
        let network = (1...9).map { RetryPolicy.ceiling(afterFailures: $0, kind: .unavailable) }
        #expect(
            network == [
                .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600), .milliseconds(3200),
                .milliseconds(6400), .milliseconds(12_800), .seconds(20), .seconds(20),
            ]
        )
        let throttled = (1...6).map { RetryPolicy.ceiling(afterFailures: $0, kind: .throttled) }
        #expect(throttled == [.seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16), .seconds(20)])
        #expect(RetryPolicy.ceiling(afterFailures: 1000, kind: .unavailable) == .seconds(20))
    }

    @Test func `waits any part of it, by chance`() {
        func delay(_ random: Double) -> Duration? {
            policy.delay(after: failure(.unavailable), failures: 3, elapsed: .zero, random: random)
        }
        #expect(delay(0) == .zero)
        #expect(delay(0.5) == .milliseconds(400))
    }

    @Test func `does not repeat what will not change`() {
        for persistence in [StorageError.Persistence.permanent, .persistent] {
            let error = failure(.unavailable, persistence)
            #expect(policy.delay(after: error, failures: 1, elapsed: .zero, random: 0) == nil)
        }
    }

    @Test func `waits as long as the service asked, or gives up if that is too long`() {
        let asked = failure(.throttled, retryAfter: .seconds(17))
        #expect(policy.delay(after: asked, failures: 1, elapsed: .zero, random: 0.1) == .seconds(17))
        #expect(policy.delay(after: asked, failures: 1, elapsed: .seconds(50), random: 0.1) == nil)
    }

    @Test func `stays within the deadline`() {
        let error = failure(.throttled)
        #expect(policy.delay(after: error, failures: 5, elapsed: .seconds(55), random: 0.999) == .seconds(5))
        #expect(policy.delay(after: error, failures: 5, elapsed: .seconds(60), random: 0) == nil)
    }

    @Test func `believes in the third bad copy`() {
        let error = failure(.corrupted)
        #expect(policy.delay(after: error, failures: 2, elapsed: .zero, random: 0) != nil)
        #expect(policy.delay(after: error, failures: 3, elapsed: .zero, random: 0) == nil)
    }

    @Test func `gives bodies the time they need`() {
        #expect(policy.attemptTotal(elapsed: .seconds(10), byteCount: 0) == .seconds(50))
        #expect(policy.attemptTotal(elapsed: .seconds(59), byteCount: 0) == .seconds(5))
        #expect(policy.attemptTotal(elapsed: .zero, byteCount: 64_000_000) == .seconds(60 + 1000))
    }
}

struct CallProgressTests {
    private func start(_ seconds: Int = 60) -> CallProgress {
        CallProgress(RetryPolicy(deadline: .seconds(seconds)), now: .zero)
    }

    @Test func `the last failure says that trying again did not help`() {
        var progress = start()
        let next = progress.failed(
            AttemptFailure(error: failure(.unavailable)),
            now: .seconds(60),
            random: 0.5,
            usesToken: false
        )
        guard case .fail(let error) = next else {
            Issue.record("\(next)")
            return
        }
        #expect(error.persistence == .persistent)
    }

    @Test func `progress starts the deadline and the back-off anew`() {
        var progress = start()
        for now in [10, 20, 30] {
            _ = progress.failed(
                AttemptFailure(error: failure(.unavailable)),
                now: .seconds(now),
                random: 0.5,
                usesToken: false
            )
        }
        #expect(progress.failures == 3)
        progress.progressed(now: .seconds(59))
        let next = progress.failed(
            AttemptFailure(error: failure(.unavailable)),
            now: .seconds(61),
            random: 0.5,
            usesToken: false
        )
        guard case .wait(let delay) = next else {
            Issue.record("\(next)")
            return
        }
        #expect(delay == .milliseconds(100))
    }

    @Test func `remembers that an attempt may have been carried out`() {
        var progress = start()
        _ = progress.failed(AttemptFailure(error: failure(.throttled)), now: .zero, random: 0, usesToken: false)
        #expect(!progress.isUnclear)
        _ = progress.failed(
            AttemptFailure(error: failure(.unavailable), isUnclear: true),
            now: .zero,
            random: 0,
            usesToken: false
        )
        #expect(progress.isUnclear)
        var repeated = start()
        repeated.noteSent(times: 1)
        #expect(!repeated.isUnclear)
        repeated.noteSent(times: 2)
        #expect(repeated.isUnclear)
    }

    @Test func `renews a refused token once`() {
        var progress = start()
        let refused = AttemptFailure(error: failure(.unauthenticated, .permanent, status: 401))
        guard case .renewToken = progress.failed(refused, now: .zero, random: 0, usesToken: true) else {
            Issue.record("no renewal")
            return
        }
        guard case .fail = progress.failed(refused, now: .zero, random: 0, usesToken: true) else {
            Issue.record("renewed twice")
            return
        }
        var other = start()
        guard case .fail = other.failed(refused, now: .zero, random: 0, usesToken: false) else {
            Issue.record("there is no token to renew")
            return
        }
    }

    @Test func `corrects the clock once`() {
        var progress = start()
        var refused = AttemptFailure(
            error: failure(.unauthenticated, .permanent, status: 403, code: "AuthenticationFailed")
        )
        refused.serverDate = 1000
        guard case .correctClock(1000) = progress.failed(refused, now: .zero, random: 0, usesToken: false) else {
            Issue.record("no correction")
            return
        }
        guard case .fail = progress.failed(refused, now: .zero, random: 0, usesToken: false) else {
            Issue.record("corrected twice")
            return
        }
    }
}

struct TransportQueueTests {
    @Test func `of several accounts none takes all connections, and a single one does`() {
        var queue = TransportQueue<Int>(connectionsMax: 16)
        for item in 0..<20 { queue.append(item, .foreground) }
        #expect((0..<17).compactMap { _ in queue.next() }.count == 16)
        for _ in 0..<16 { queue.finished(.foreground) }
        queue.append(100, .foreground, lane: 1)
        for item in 20..<40 { queue.append(item, .foreground) }
        let started = (0..<17).compactMap { _ in queue.next() }
        #expect(started == Array(16..<20) + [100] + Array(20..<28))
        #expect(!queue.hasStartable)
        let extra = [queue.takeExtra(), queue.takeExtra(lane: 1)]
        #expect(extra == [false, true])
        queue.finished(.foreground)
        #expect(queue.next() == 28)
    }

    @Test func `an account in the background leaves a place there to the others`() {
        var queue = TransportQueue<Int>(connectionsMax: 16)
        for item in 0..<40 { queue.append(item, .background) }
        for item in 100..<103 { queue.append(item, .background, lane: 1) }
        #expect((0..<20).compactMap { _ in queue.next() } == Array(0..<9) + [100, 101, 102])
    }

    @Test func `the foreground overtakes the background`() {
        var queue = TransportQueue<Int>(connectionsMax: 8)
        for item in 0..<3 { queue.append(item, .background) }
        for item in 10..<12 { queue.append(item, .foreground) }
        #expect((0..<5).map { _ in queue.next() } == [10, 11, 0, 1, 2])
        #expect(queue.next() == nil)
    }

    @Test func `the background leaves connections to the foreground`() {
        var queue = TransportQueue<Int>(connectionsMax: 16)
        for item in 0..<20 { queue.append(item, .background) }
        var started = 0
        while queue.next() != nil { started += 1 }
        #expect(started == 12)
        for item in 100..<105 { queue.append(item, .foreground) }
        #expect((0..<5).map { _ in queue.next() } == [100, 101, 102, 103, nil])
        queue.finished(.background)
        #expect(queue.next() == 104)
        queue.finished(.foreground)
        #expect(queue.next() == 12)
    }

    @Test func `what is raised goes before the background, behind who waited in the foreground`() {
        var queue = TransportQueue<Int>(connectionsMax: 1)
        for item in 0..<3 { queue.append(item, .background) }
        queue.append(10, .foreground)
        #expect(queue.raise { $0 == 2 } == 2)
        #expect(queue.raise { $0 == 2 } == nil)
        var order: [Int] = []
        while let item = queue.next() {
            order.append(item)
            queue.finished(item == 10 || item == 2 ? .foreground : .background)
        }
        #expect(order == [10, 2, 0, 1])
    }

    @Test func `one more request takes a connection only where one is free`() {
        var queue = TransportQueue<Int>(connectionsMax: 2)
        let taken = [queue.takeExtra(), queue.takeExtra(), queue.takeExtra()]
        #expect(taken == [true, true, false])
        queue.append(1, .foreground)
        #expect(queue.next() == nil)
        queue.finished(.foreground)
        #expect(queue.next() == 1)
    }

    @Test func `one connection serves both`() {
        var queue = TransportQueue<Int>(connectionsMax: 1)
        queue.append(1, .background)
        #expect(queue.next() == 1)
        queue.append(2, .foreground)
        #expect(queue.next() == nil)
        queue.finished(.background)
        #expect(queue.next() == 2)
    }

    @Test func `what waits can be taken out`() {
        var queue = TransportQueue<Int>(connectionsMax: 1)
        queue.append(1, .background)
        queue.append(2, .foreground)
        #expect(queue.remove { $0 == 1 } == 1)
        #expect(queue.remove { $0 == 1 } == nil)
        #expect(queue.removeAll() == [2])
        #expect(queue.next() == nil)
    }
}
