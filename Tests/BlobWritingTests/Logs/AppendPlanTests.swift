import BlobStorage
import Testing

@testable import BlobWriting

struct AppendPlanTests {
    private let version = BlobVersion(etag: ETag("\"1\""), lastModified: 0)

    private func result(_ end: UInt64, blocks: Int = 1) -> AppendResult {
        AppendResult(version: version, offset: end, committedBlockCount: blocks)
    }

    private func blob(_ length: UInt64, created: Int64 = 7, blocks: Int = 1) -> BlobProperties {
        var properties = BlobProperties(version: version, length: length, type: .append, creationTime: created)
        properties.committedBlockCount = blocks
        return properties
    }

    private func piece(_ step: AppendPlan.Step) -> AppendPiece? {
        if case .append(let piece) = step { piece } else { nil }
    }

    @Test func `a new log is made, then appended to in pieces of 4 MiB, then settled`() throws {
        var plan = AppendPlan(start: .absent, blockCountMax: 100)
        let size: UInt64 = (9 << 20) + 5
        #expect(plan.step(limit: size, isHeld: false) == .create(.absent))
        plan.created(version)
        var ranges: [Range<UInt64>] = []
        while let next = piece(plan.step(limit: size, isHeld: false)) {
            #expect(next.place == next.range.lowerBound)
            plan.began(next)
            plan.appended(next, result(next.place))
            ranges.append(next.range)
        }
        #expect(ranges.map(\.count) == [4 << 20, 4 << 20, (1 << 20) + 5])
        #expect(plan.step(limit: size, isHeld: false) == .settled)
        #expect(!plan.mustRebase)
    }

    @Test func `an append without an answer is repeated as it was, whatever was written since`() throws {
        var plan = AppendPlan(base: blob(10), blockCountMax: 100)
        let first = try #require(piece(plan.step(limit: 15, isHeld: false)))
        plan.began(first)
        #expect(piece(plan.step(limit: 40, isHeld: false)) == first)
        #expect(!plan.isUnclear)
        plan.began(first)
        #expect(plan.isUnclear)
        // Refused this time, which says nothing of the first attempt.
        plan.refused()
        #expect(piece(plan.step(limit: 40, isHeld: false)) == first)
        plan.found(blob(15), landed: true)
        #expect(plan.position.sent == 15)
        #expect(!plan.mustRebase)
        #expect(piece(plan.step(limit: 40, isHeld: false))?.range == 15..<40)
    }

    @Test func `behind what others appended, it holds the writers, appends there, and takes the blob's shape`() throws {
        var plan = AppendPlan(base: blob(10), blockCountMax: 100)
        let first = try #require(piece(plan.step(limit: 15, isHeld: false)))
        plan.began(first)
        plan.found(blob(30), landed: false)
        #expect(plan.step(limit: 15, isHeld: false) == .hold)
        let second = try #require(piece(plan.step(limit: 18, isHeld: true)))
        #expect(second == AppendPiece(range: 10..<18, place: 30))
        plan.began(second)
        plan.appended(second, result(30))
        #expect(plan.step(limit: 18, isHeld: true) == .rebase)
        plan.rebased()
        #expect(plan.position.sent == 38)
        #expect(plan.step(limit: 38, isHeld: true) == .settled)
    }

    @Test func `a blob that was made anew is another, though it has the same length`() {
        var plan = AppendPlan(base: blob(10, created: 7), blockCountMax: 100)
        plan.began(AppendPiece(range: 10..<12, place: 10))
        plan.found(blob(10, created: 8), landed: false)
        #expect(plan.mustRebase)
    }

    @Test func `what was sent stays; what was not may change`() {
        var plan = AppendPlan(base: blob(10), blockCountMax: 100)
        #expect(!plan.permitsWrite(at: 9, size: 20))
        #expect(plan.permitsWrite(at: 10, size: 20))
        #expect(plan.permitsWrite(at: 20, size: 20))
        #expect(!plan.permitsWrite(at: 21, size: 20))
        plan.announce(20..<25)
        #expect(plan.permitsWrite(at: 25, size: 20))
        #expect(!plan.permitsTruncation(to: 9, size: 20))
        #expect(plan.permitsTruncation(to: 10, size: 20))
        #expect(!plan.permitsTruncation(to: 21, size: 20))
        #expect(!plan.permitsZeros(in: 5..<12, size: 20))
        #expect(plan.permitsZeros(in: 12..<20, size: 20))
        #expect(!plan.permitsZeros(in: 12..<21, size: 20))
    }

    @Test func `cut to nothing, the log starts over`() {
        var plan = AppendPlan(base: blob(10), blockCountMax: 100)
        #expect(plan.permitsTruncation(to: 0, size: 20))
        plan.truncated(to: 0)
        #expect(plan.step(limit: 3, isHeld: false) == .create(.over))
    }

    @Test func `with as many blocks as a blob may have, it is compacted first, and only to send something`() {
        var plan = AppendPlan(base: blob(10, blocks: 3), blockCountMax: 3)
        #expect(plan.step(limit: 10, isHeld: false) == .settled)
        #expect(plan.step(limit: 11, isHeld: false) == .compact)
        plan.found(blob(10, blocks: 1), landed: false)
        #expect(piece(plan.step(limit: 11, isHeld: false))?.range == 10..<11)
        plan.filled()
        #expect(plan.step(limit: 11, isHeld: false) == .compact)
    }

    @Test func `so long a log that it would be full again is not compacted`() {
        #expect(AppendPlan.canCompact(length: 97 << 30, blockCountMax: 50_000))
        #expect(!AppendPlan.canCompact(length: 98 << 30, blockCountMax: 50_000))
    }
}
