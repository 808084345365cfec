import BlobStorage
import TestSupport
import Testing

@testable import BlobWriting

/// The decisions, without a file.
struct BlockCutterTests {
    private func blocks(_ lengths: [UInt64]) -> [BaseBlock] {
        BaseBlock.all(
            of: lengths.enumerated().map { Block(id: WritingFixture.block($0.offset, []).id, byteCount: $0.element) }
        )
    }

    private func cut(_ segments: [Segment], _ base: [BaseBlock], mayCopy: Bool = true) -> BlockCutter {
        var cutter = BlockCutter(base: base, copyMin: 10, shortMax: 5, mayCopy: mayCopy)
        cutter.cut(segments)
        return cutter
    }

    @Test func `Whole blocks are kept, long rests copied, short ones fetched`() {
        let base = blocks([20, 20, 20])
        let cutter = cut([.base(0..<35), .local(35..<36), .base(36..<60)], base)
        #expect(cutter.pieces == [.kept(base[0]), .copy(20..<35), .spool(35..<40), .kept(base[2])])
        #expect(cutter.fetches == [36..<40])
    }

    @Test func `Without copies all rests are fetched`() {
        let base = blocks([20, 20])
        let cutter = cut([.base(0..<21), .local(21..<22), .base(22..<40)], base, mayCopy: false)
        #expect(cutter.pieces == [.kept(base[0]), .spool(20..<40)])
        #expect(cutter.fetches == [20..<21, 22..<40])
    }

    @Test func `Blocks that share an id are copied, as one piece`() {
        var list = (0..<4).map { Block(id: WritingFixture.block($0, []).id, byteCount: 20) }
        list[2] = list[1]
        let base = BaseBlock.all(of: list)
        #expect(cut([.base(0..<80)], base).pieces == [.kept(base[0]), .copy(20..<60), .kept(base[3])])
    }

    @Test func `Short blocks at the end are joined once there are enough`() {
        for count in [BlockCutter.shortBlockCountMax - 1, BlockCutter.shortBlockCountMax] {
            let base = blocks([20] + [UInt64](repeating: 2, count: count))
            let end = 20 + UInt64(count) * 2
            let pieces = cut([.base(0..<end), .local(end..<end + 1)], base).pieces
            let isJoined = pieces == [.kept(base[0]), .copy(20..<end), .spool(end..<end + 1)]
            #expect(isJoined == (count == BlockCutter.shortBlockCountMax))
        }
    }

    @Test func `Pieces cover the segments without gaps, whatever the blocks`() {
        var random = SeededRandom(seed: testSeed())
        for _ in 0..<300 {
            let base = blocks(
                (0..<Int.random(in: 0...30, using: &random)).map { _ in .random(in: 0...40, using: &random) }
            )
            let baseEnd = base.last?.range.upperBound ?? 0
            var content = LocalContent(baseSize: baseEnd)
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                let start = UInt64.random(in: 0...baseEnd + 50, using: &random)
                let range = start..<start + UInt64.random(in: 0...60, using: &random)
                Bool.random(using: &random) ? content.wrote(range) : content.zeroed(range, extends: false)
            }
            let cutter = cut(content.segments(of: 0..<content.size), base, mayCopy: Bool.random(using: &random))
            var position: UInt64 = 0
            for piece in cutter.pieces {
                let range =
                    switch piece {
                    case .spool(let range), .copy(let range), .hole(let range): range
                    case .kept(let block): block.range
                    }
                #expect(range.lowerBound == position && !range.isEmpty)
                position = range.upperBound
                let segments = content.segments(of: range)
                switch piece {
                case .kept, .copy: #expect(segments == [.base(range)])
                case .hole: #expect(segments == [.hole(range)])
                case .spool:
                    for case .base(let missing) in segments { #expect(cutter.fetches.contains(missing)) }
                }
            }
            #expect(position == content.size)
        }
    }
}
