import Glibc
import Synchronization
import TestSupport
import Testing

@testable import LocalStore

/// Every call to the system fails once, with each of these; and the process dies at every call. After each: never a
/// wrong byte, the bound kept, and what comes later works.
@Suite(.tags(.fault)) struct CacheFaultTests {
    private static let cell = UInt64(CacheBench.cellSize)
    private static let block = CacheBench.blockSize
    /// Little enough that the story evicts.
    private static let capacity = 4 * block

    private static let whole = TestBlob(name: "whole", length: 3 * cell + 5)
    private static let large = TestBlob(name: "large", length: 5 * block)
    private static let damaged = TestBlob(name: "damaged", length: 2 * cell)
    private static let log = TestBlob(name: "log", length: 5 * cell + 9, version: "append:1")
    private static let late = TestBlob(name: "late", length: 2 * cell)

    /// A story with every kind of call. Reports wrong bytes.
    private func tell(_ bench: CacheBench, _ cache: OpenCache, _ note: String) async {
        func check(_ blob: TestBlob, _ range: Range<UInt64>) {
            let isWrong = cache.file(blob)?.check(blob, range).isWrong == true
            #expect(!isWrong, "\(note): \(blob.name)")
        }
        if let file = cache.file(Self.whole) {
            file.save(Self.whole, Self.cell..<Self.whole.length)
            file.save(Self.whole, 0..<Self.whole.length)
            if file.verify(), let lease = file.lease() {
                var bytes = [UInt8](repeating: 0, count: Int(Self.whole.length))
                #expect(pread(lease.descriptor, &bytes, bytes.count, 0) == bytes.count)
                #expect(bytes == Self.whole.bytes(0..<Self.whole.length), "\(note): a lease")
            }
        }
        if let file = cache.files.file(Self.log.key, length: 2 * Self.cell + 7) {
            var short = Self.log
            short.length = 2 * Self.cell + 7
            file.save(short, 0..<short.length)
            file.extend(to: Self.log.length)
            file.save(Self.log, 2 * Self.cell..<Self.log.length)
            check(Self.log, 0..<Self.log.length)
        }
        if let file = cache.file(Self.damaged) {
            file.save(Self.damaged, 0..<Self.damaged.length)
            CacheBench.damage(bench.dataPath(Self.damaged), at: 100)
            check(Self.damaged, 0..<Self.damaged.length)
        }
        if let file = cache.file(Self.large) {
            for number in 0..<5 as Range<UInt64> {
                // Every other past the page cache.
                let range = number * Self.block..<(number + 1) * Self.block
                file.save(Self.large, range, isDirect: number % 2 == 0)
            }
            check(Self.large, 4 * Self.block..<4 * Self.block + 8 * Self.cell)
        }
        check(Self.whole, 0..<Self.whole.length)
        _ = cache.files.statistics
        await cache.settle()
    }

    /// What must be so afterwards, whatever happened.
    private func look(_ bench: CacheBench, _ cache: OpenCache, _ note: String) async {
        for blob in [Self.whole, Self.damaged, Self.log, Self.large] {
            guard let file = cache.file(blob) else { continue }
            // Of the large one a cell in every 32, or reading it would be most of the test.
            let step = blob == Self.large ? 32 * Self.cell : Self.cell
            for start in stride(from: 0, to: blob.length, by: Int(step)) {
                let range = start..<min(start + Self.cell, blob.length)
                #expect(!file.check(blob, range).isWrong, "\(note): \(blob.name) at \(start)")
            }
        }
        // Files that were let go of are put away by another thread, which locks them for a moment.
        await cache.settle()
        let late = cache.file(Self.late)
        late?.save(Self.late, 0..<Self.late.length)
        #expect(late?.check(Self.late, 0..<Self.late.length).isThere == true, "\(note): later")
        await cache.settle()
        let (used, allocated) = (cache.usedBytes, bench.allocatedBytes())
        #expect(used <= Self.capacity && allocated <= used, "\(note): \(allocated) allocated, \(used) counted")
    }

    /// How many calls the story makes.
    private func count() async throws -> Int {
        let counter = Counter()
        let bench = try CacheBench(capacity: Self.capacity)
        let cache = try await bench.open(verdict: { counter.next($0) })
        await tell(bench, cache, "no fault")
        let count = counter.count
        await look(bench, cache, "no fault")
        return count
    }

    /// A quarter of the calls each, in turn: what fails with one errno fails like that with another.
    @Test(.timeLimit(.minutes(5)), arguments: [EIO, ENOSPC, EDQUOT, EROFS])
    func `the n-th call fails, for every n`(_ number: Int32) async throws {
        let count = try await count()
        #expect(count > 200)
        let first = [EIO, ENOSPC, EDQUOT, EROFS].firstIndex(of: number) ?? 0
        for n in stride(from: first, to: count, by: 4) {
            let note = "call \(n) fails with \(number)"
            let bench = try CacheBench(capacity: Self.capacity)
            let counter = Counter(at: n, verdict: n % 3 == 0 ? .tear(number) : .fail(number))
            if let cache = try? await bench.open(verdict: { counter.next($0) }) {
                await tell(bench, cache, note)
                let note = note + " (\(counter.hit))"
                counter.disarm()
                await look(bench, cache, note)
            }
            await look(bench, try await bench.open(), note + ", reopened")
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [false, true])
    func `the process dies at the n-th call, for every n`(_ tears: Bool) async throws {
        let count = try await count()
        for n in stride(from: tears ? 0 : 1, to: count, by: 2) {
            let note = "dead from call \(n) on"
            let bench = try CacheBench(capacity: Self.capacity)
            let counter = Counter(at: n, verdict: tears ? .tear(EIO) : .fail(EIO), forever: true)
            if let cache = try? await bench.open(verdict: { counter.next($0) }) {
                await tell(bench, cache, note)
            }
            await look(bench, try await bench.open(), note)
        }
    }
}

/// Counts calls, and lets one fail, or all from one on.
private final class Counter: Sendable {
    private let calls = Mutex(0)
    private let isArmed = Atomic(true)
    private let at: Int
    private let verdict: FileGate.Verdict
    private let forever: Bool

    init(at: Int = .max, verdict: FileGate.Verdict = .proceed, forever: Bool = false) {
        self.at = at
        self.verdict = verdict
        self.forever = forever
    }

    /// The call that failed first.
    var hit: String { first.withLock { $0?.rawValue ?? "none" } }
    private let first = Mutex<FileCall?>(nil)

    var count: Int { calls.withLock { $0 } }

    func disarm() { isArmed.store(false, ordering: .relaxed) }

    func next(_ call: FileCall) -> FileGate.Verdict {
        let number = calls.withLock { count in
            count += 1
            return count - 1
        }
        guard isArmed.load(ordering: .relaxed) else { return .proceed }
        if number == at {
            first.withLock { $0 = call }
            return verdict
        }
        guard forever, number > at else { return .proceed }
        // After a torn write nothing is written at all.
        if case .tear(let number) = verdict { return .fail(number) }
        return verdict
    }
}
