import BlobStorage
import Testing

@testable import BlobWriting

struct BlockLayoutTests {
    let layout = BlockLayout(base: 8 << 20)

    @Test func `The largest file has 50,000 blocks of 4,000 MiB, 190.7 TiB`() {
        #expect(BlockLayout.fileSizeMax == 50_000 * 4_000 << 20)
        #expect(Double(BlockLayout.fileSizeMax) / Double(1 << 40) > 190.7)
    }

    @Test(arguments: [(0, 8), (24_999, 8), (25_000, 64), (37_500, 512), (43_750, 4_000), (90_000, 4_000)])
    func `Blocks grow with their number`(count: Int, mebibytes: UInt64) {
        #expect(layout.blockSize(after: count) == mebibytes << 20)
    }

    @Test func `A sequential writer reaches 190 TiB with fewer uncommitted blocks than the service keeps`() {
        var (ranges, end) = ([Range<UInt64>](), UInt64(0))
        let size: UInt64 = 190 << 40
        while end < size {
            let next = min(size, end + layout.blockSize(after: ranges.count))
            ranges.append(end..<next)
            end = next
        }
        let merged = layout.merged(ranges)
        #expect(merged.count <= BlockLayout.blockCountMax)
        #expect(merged.allSatisfy { $0.upperBound - $0.lowerBound <= BlockLayout.blockSizeMax })
        #expect(zip(merged, merged.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(merged.first?.lowerBound == 0 && merged.last?.upperBound == size)
        // Sent twice: only what was merged.
        let kept = Set(merged).intersection(ranges)
        let restaged = merged.filter { !kept.contains($0) }
        #expect(restaged.reduce(0) { $0 + $1.upperBound - $1.lowerBound } < 5 << 40)
        #expect(ranges.count + restaged.count < UploadPlan.backgroundStageCountMax)
    }

    @Test func `A list that fits is left alone`() {
        let ranges: [Range<UInt64>] = [0..<1, 1..<2, 2..<100]
        #expect(layout.merged(ranges) == ranges)
    }

    @Test func `Small neighbours are joined first`() {
        let layout = BlockLayout(base: 10)
        let ranges: [Range<UInt64>] = [0..<10, 10..<20, 20..<100, 100..<101, 101..<102]
        #expect(layout.merged(ranges, countMax: 3) == [0..<20, 20..<100, 100..<102])
    }

    @Test func `Ids have 28 characters whatever their number`() {
        let names = BlockNames(uploadID: .max)
        for serial in [0, 1, UInt32.max] { #expect(names.id(serial).base64.utf8.count == 28) }
        #expect(names.id(1) != names.id(256))
        #expect(names.id(1) != BlockNames(uploadID: 5).id(1))
    }
}
