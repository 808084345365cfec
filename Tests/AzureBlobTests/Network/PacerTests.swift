import BlobStorage
import Testing

@testable import AzureBlob

/// Rates in virtual time.
struct PacerTests {
    @Test func `a bucket gives its rate, and a little at once`() {
        var bucket = TokenBucket(rate: 10, burst: 2, now: .zero)
        var (now, taken) = (Duration.zero, 0)
        while now < .seconds(10) {
            bucket.fill(now: now)
            if bucket.isOpen {
                bucket.take(1)
                taken += 1
            } else {
                #expect(bucket.delay > .zero)
                now += bucket.delay
            }
        }
        #expect((100...103).contains(taken), "\(taken)")
        // A pause is not saved up.
        bucket.fill(now: now + .seconds(3600))
        var burst = 0
        while bucket.isOpen {
            bucket.take(1)
            burst += 1
        }
        #expect(burst == 2)
    }

    @Test func `what is taken beyond the rate is waited for`() {
        var bucket = TokenBucket(rate: 100, burst: 10, now: .zero)
        bucket.take(110)
        #expect(!bucket.isOpen)
        #expect(bucket.delay >= .seconds(1) && bucket.delay < .milliseconds(1020))
        bucket.fill(now: .milliseconds(1020))
        #expect(bucket.isOpen)
    }

    /// Everybody wants more all the time: who got how much in so long.
    private func shares(rate: Int, seconds: Int, wanted: [String], background: [String]) -> [String: Int] {
        var pacer = Pacer<String>(rate: rate, now: .zero)
        var got: [String: Int] = [:]
        for key in wanted { pacer.wait(key, isWanted: true) }
        for key in background { pacer.wait(key, isWanted: false) }
        var now = Duration.zero
        while now < .seconds(seconds) {
            while let key = pacer.next(now: now) {
                got[key, default: 0] += pacer.quantum
                pacer.wait(key, isWanted: wanted.contains(key))
            }
            guard let delay = pacer.delay(now: now) else { break }
            now += delay
        }
        return got
    }

    @Test(arguments: [64 << 10, 1 << 20, 100 << 20])
    func `all together get the rate and each the same`(rate: Int) {
        let names = (0..<8).map { "\($0)" }
        let got = shares(rate: rate, seconds: 64, wanted: names, background: [])
        let sum = got.values.reduce(0, +)
        #expect(abs(sum - 64 * rate) <= rate / 4 + (16 << 10), "\(sum)")
        #expect((got.values.max() ?? 0) - (got.values.min() ?? 0) <= Pacer<String>(rate: rate, now: .zero).quantum)
        #expect(got.count == 8)
    }

    @Test func `one that somebody waits for gets as much as all of the background, and no more`() {
        let background = (0..<48).map { "b\($0)" }
        let got = shares(rate: 1 << 20, seconds: 60, wanted: ["w"], background: background)
        let others = background.compactMap { got[$0] }
        #expect(others.count == 48)
        let difference = (got["w"] ?? 0) - others.reduce(0, +)
        #expect(abs(difference) <= 64 << 10, "\(difference)")
    }

    @Test func `who comes while others are in line does not pass them`() {
        var pacer = Pacer<String>(rate: 1 << 20, now: .zero)
        while pacer.take(16 << 10, now: .zero) {}
        pacer.wait("first", isWanted: false)
        let hasPassed = pacer.take(1, now: .seconds(10))
        let next = pacer.next(now: .seconds(10))
        #expect(!hasPassed && next == "first")
        let isFree = pacer.take(1, now: .seconds(10))
        let (nobody, delay) = (pacer.next(now: .seconds(10)), pacer.delay(now: .seconds(10)))
        #expect(isFree && nobody == nil && delay == nil)
    }

    @Test func `who leaves the line is not served, and gives back what it has`() {
        var pacer = Pacer<String>(rate: 64 << 10, now: .zero)
        while pacer.take(16 << 10, now: .zero) {}
        pacer.wait("gone", isWanted: true)
        pacer.wait("here", isWanted: true)
        pacer.leave("gone")
        let next = pacer.next(now: .seconds(1))
        #expect(next == "here")
        pacer.wait("here", isWanted: true)
        while pacer.next(now: .seconds(1)) != nil { pacer.wait("here", isWanted: true) }
        let before = pacer.delay(now: .seconds(1)) ?? .zero
        pacer.giveBack(8 << 10)
        let after = pacer.delay(now: .seconds(1)) ?? .zero
        #expect(after < before)
    }

    @Test func `bodies that share a slow rate have the time for it`() {
        #expect(RateLimits().longest(byteCount: 1 << 30, sharedBy: 64) == .zero)
        let limits = RateLimits(download: 4 << 20, upload: 1 << 20)
        #expect(limits.longest(byteCount: 4 << 20, sharedBy: 64) == .seconds(256))
    }

    @Test func `sleep is noticed once, and naps are not`() {
        var watch = SleepWatch(asleep: .seconds(100))
        let looks = [104, 3600, 3600].map { watch.hasSlept(asleep: .seconds($0)) }
        #expect(looks == [false, true, false])
    }

    @Test func `a dead connection costs a call neither a try nor its time, once`() {
        let request = StorageRequest.properties(of: someBlob, condition: .any)
        let failure = AttemptFailure(
            error: StorageError(.unavailable, .temporary, request, "reset"),
            isUnclear: true,
            wasDeadConnection: true
        )
        var call = CallProgress(RetryPolicy(deadline: .seconds(60)), now: .zero)
        // After a sleep, or 59 s of silence, the call has all of its minute.
        guard case .reconnect = call.failed(failure, now: .seconds(59), random: 0.5, usesToken: false) else {
            Issue.record("it waits")
            return
        }
        #expect(call.failures == 0 && call.start == .seconds(59) && call.needsFreshConnection && call.isUnclear)
        guard case .wait = call.failed(failure, now: .seconds(60), random: 0.5, usesToken: false) else {
            Issue.record("it goes on for ever")
            return
        }
        #expect(call.failures == 1 && call.start == .seconds(59))
        var other = failure
        other.wasDeadConnection = false
        _ = call.failed(other, now: .seconds(61), random: 0.5, usesToken: false)
        #expect(!call.needsFreshConnection)
    }

    @Test func `connections from before a distrust are too old`() {
        var age = ConnectionAge()
        #expect(age.lifetime(now: .seconds(1000)) == ConnectionAge.lifetimeMax)
        age.distrust(now: .seconds(1000))
        #expect(age.lifetime(now: .seconds(1000)) == 1)
        #expect(age.lifetime(now: .seconds(1042)) == 42)
        #expect(age.lifetime(now: .seconds(9000)) == ConnectionAge.lifetimeMax)
    }

    @Test(arguments: [
        (1200, "20 minutes behind the store's"), (-1170, "20 minutes ahead of the store's"),
        (-90, "90 seconds ahead of the store's"), (7200, "2 hours behind the store's"),
        (400_000, "5 days behind the store's"), (1, "1 second behind the store's"),
    ])
    func `a clock that is wrong is said to be so much behind or ahead`(seconds: Int64, words: String) {
        #expect(ClockOffset(seconds: seconds).description == words)
    }
}
