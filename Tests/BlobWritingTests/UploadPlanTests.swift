import BlobStorage
import TestSupport
import Testing

@testable import BlobWriting

/// The decisions, without a disk or a store. Blocks of 10 bytes, single Put Blob up to 10.
struct UploadPlanTests {
    var plan = UploadPlan(baseSize: 0, layout: BlockLayout(base: 10), singlePutMax: 10)
    let names = BlockNames(uploadID: 1)

    @discardableResult
    private mutating func write(_ range: Range<UInt64>) -> [UInt32] {
        var write = plan.beginWrite(range)
        [UInt8](repeating: 1, count: range.count).withUnsafeBytes { write.checksum?.update($0) }
        plan.endWrite(write, byteCount: UInt64(range.count))
        return write.outdated
    }

    private mutating func takeAll() -> [UploadPlan.Stage] {
        var stages: [UploadPlan.Stage] = []
        while let stage = plan.takeStage() { stages.append(stage) }
        return stages
    }

    private mutating func stageAll() {
        for stage in takeAll() { plan.staged(stage) }
    }

    private var ranges: [Range<UInt64>] { plan.blocks.map(\.range) }

    private mutating func commitBlocks() throws {
        let upload = plan.flush()
        #expect(upload == .blocks(isHashed: true) || upload == .blocks(isHashed: false))
        stageAll()
        #expect(plan.isSettled)
        #expect(plan.blockList(names) != nil)
        plan.committed(upload)
    }

    // MARK: What is cut, and when

    @Test mutating func `A sequential writer's blocks are ready as soon as they are full`() {
        write(0..<9)
        #expect(plan.takeStage() == nil)
        write(9..<21)
        #expect(takeAll().map(\.range) == [0..<10, 10..<20])
        write(21..<30)
        #expect(takeAll().map(\.range) == [20..<30])
    }

    @Test mutating func `A file that may become one Put Blob is not staged`() {
        write(0..<10)
        #expect(plan.takeStage() == nil)
        guard case .putBlob = plan.flush() else { return #expect(Bool(false), "not a Put Blob") }
    }

    @Test mutating func `An empty file is one Put Blob with the checksum of nothing`() {
        #expect(plan.flush() == .putBlob(crc: 0))
    }

    @Test mutating func `Pieces that arrive out of order are cut once the gap is closed`() {
        write(10..<30)
        // The hole before them is small, so it counts as written only between two written parts.
        #expect(plan.takeStage() == nil)
        write(0..<10)
        #expect(takeAll().map(\.range) == [0..<10, 10..<20, 20..<30])
    }

    @Test mutating func `A block is not cut while one of its writes is open`() {
        let open = plan.beginWrite(5..<15)
        write(0..<40)
        #expect(plan.takeStage() == nil)
        plan.endWrite(open, byteCount: 10)
        #expect(takeAll().map(\.range) == [0..<10, 10..<20, 20..<30, 30..<40])
    }

    @Test mutating func `The tail is cut at the commit`() {
        write(0..<25)
        stageAll()
        _ = plan.flush()
        #expect(takeAll().map(\.range) == [20..<25])
    }

    @Test mutating func `A hole at the end is part of the blocks`() {
        write(0..<5)
        _ = plan.beginChange(5..<28)
        plan.truncated(to: 28)
        _ = plan.flush()
        #expect(ranges == [0..<10, 10..<20, 20..<28])
    }

    // MARK: Rewriting

    @Test mutating func `A rewritten staged block waits for the commit and gets a new id`() {
        write(0..<30)
        let first = takeAll()
        for stage in first { plan.staged(stage) }
        write(12..<13)
        #expect(plan.takeStage() == nil, "rewritten blocks are not sent in the background")
        _ = plan.flush()
        let again = takeAll()
        #expect(again.map(\.range) == [10..<20])
        #expect(!first.map(\.serial).contains(again[0].serial))
    }

    @Test mutating func `The success of a block that was rewritten in flight counts for nothing`() throws {
        write(0..<20)
        let stages = takeAll()
        #expect(write(3..<4) == [stages[0].serial])
        plan.staged(stages[0])
        plan.staged(stages[1])
        #expect(plan.blocks.map(\.state) == [.held, .staged(serial: stages[1].serial)])
        _ = plan.flush()
        #expect(plan.blockList(names) == nil)
        let again = takeAll()[0]
        #expect(again.crc == nil, "the checksum of the old bytes is void")
        plan.staged(again)
        #expect(plan.blockList(names) == [.latest(names.id(again.serial)), .latest(names.id(stages[1].serial))])
    }

    @Test mutating func `A write that is only announced makes the block void`() {
        write(0..<20)
        let stages = takeAll()
        let open = plan.beginWrite(0..<1)
        plan.staged(stages[0])
        #expect(plan.blocks[0].state == .held)
        plan.endWrite(open, byteCount: 0)
        #expect(plan.blocks[0].state == .held)
    }

    @Test mutating func `A write across blocks makes each of them void`() {
        write(0..<40)
        stageAll()
        write(19..<31)
        #expect(plan.blocks.map { $0.state == .held } == [false, true, true, true])
    }

    @Test mutating func `Writes behind a commit start from the committed blocks`() throws {
        write(0..<35)
        stageAll()
        try commitBlocks()
        write(5..<6)
        _ = plan.flush()
        #expect(takeAll().map(\.range) == [0..<10])
    }

    @Test mutating func `Appending after a commit leaves the short last block alone`() throws {
        write(0..<35)
        stageAll()
        try commitBlocks()
        write(35..<36)
        _ = plan.flush()
        #expect(takeAll().map(\.range) == [35..<36])
    }

    @Test mutating func `Many short appends are joined again`() throws {
        write(0..<15)
        stageAll()
        try commitBlocks()
        for end in 16...400 {
            write(UInt64(end - 1)..<UInt64(end))
            try commitBlocks()
            #expect(plan.blocks.count <= 40 + UploadPlan.shortBlockCountMax)
        }
        #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == 400)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    }

    // MARK: Truncation

    @Test mutating func `Truncation in the middle of a block in flight drops it`() {
        write(0..<30)
        let stages = takeAll()
        #expect(plan.beginChange(15..<30) == [stages[1].serial, stages[2].serial])
        plan.truncated(to: 15)
        for stage in stages { plan.staged(stage) }
        #expect(ranges == [0..<10])
        _ = plan.flush()
        #expect(takeAll().map(\.range) == [10..<15])
    }

    @Test mutating func `A block that was cut off is not the block that is written there later`() {
        write(0..<30)
        let stages = takeAll()
        _ = plan.beginChange(0..<30)
        plan.truncated(to: 0)
        write(0..<30)
        let again = takeAll()
        #expect(again.map(\.range) == stages.map(\.range))
        plan.staged(stages[0])
        #expect(plan.blocks[0].state == .inFlight(serial: again[0].serial))
    }

    @Test mutating func `A file that is cut to nothing is one Put Blob`() {
        write(0..<30)
        stageAll()
        _ = plan.beginChange(0..<30)
        plan.truncated(to: 0)
        #expect(plan.flush() == .putBlob(crc: 0))
    }

    // MARK: Failures

    @Test mutating func `A failed background block is sent with the commit`() {
        write(0..<20)
        let stages = takeAll()
        #expect(plan.failed(stages[0]) == .held)
        plan.staged(stages[1])
        write(20..<30)
        #expect(takeAll().map(\.range) == [20..<30])
        _ = plan.flush()
        #expect(takeAll().map(\.range) == [0..<10])
    }

    @Test mutating func `A background block that fails during the commit has a second chance`() throws {
        write(0..<20)
        let stages = takeAll()
        _ = plan.flush()
        #expect(plan.failed(stages[0]) == .sentAgain)
        let again = takeAll()[0]
        #expect(again.range == 0..<10)
        #expect(plan.failed(again) == .commitFailed)
        #expect(plan.failed(stages[0]) == .outdated)
    }

    @Test mutating func `After a lost commit the staged blocks are still good`() {
        write(0..<25)
        stageAll()
        _ = plan.flush()
        stageAll()
        let list = plan.blockList(names)
        plan.commitFailed()
        _ = plan.flush()
        #expect(plan.takeStage() == nil)
        #expect(plan.blockList(names) == list)
    }

    @Test mutating func `Writing after a failed commit changes only what was written`() {
        write(0..<25)
        _ = plan.flush()
        let stages = takeAll()
        plan.commitFailed()
        write(22..<23)
        for stage in stages { plan.staged(stage) }
        _ = plan.flush()
        #expect(takeAll().map(\.range) == [20..<25])
    }

    @Test mutating func `A second flush sends nothing twice`() {
        write(0..<25)
        _ = plan.flush()
        let stages = takeAll()
        #expect(stages.count == 3)
        _ = plan.flush()
        #expect(plan.takeStage() == nil, "they are on their way")
        for stage in stages { plan.staged(stage) }
        #expect(plan.isSettled)
    }

    @Test mutating func `Lost blocks are all sent again under new ids`() throws {
        write(0..<25)
        stageAll()
        try commitBlocks()
        let before = try #require(plan.blockList(names))
        _ = plan.restageAll()
        _ = plan.flush()
        #expect(takeAll().map(\.range) == [0..<10, 10..<20, 20..<25])
        #expect(plan.blockList(names) != before)
    }

    @Test mutating func `A blocked file stops staging and goes up whole`() {
        write(0..<50)
        let stages = takeAll()
        plan.blockStaging()
        for stage in stages { _ = plan.failed(stage) }
        write(50..<100)
        #expect(plan.takeStage() == nil)
        let upload = plan.flush()
        guard case .putBlob = upload else { return #expect(Bool(false), "\(upload)") }
        plan.committed(upload)
        write(100..<120)
        #expect(plan.takeStage() != nil, "the obstacle is gone with the commit")
    }

    @Test mutating func `A file without a name sends nothing`() {
        write(0..<20)
        let stages = takeAll()
        #expect(plan.stopStaging() == stages.map(\.serial))
        write(20..<60)
        #expect(plan.takeStage() == nil)
    }

    // MARK: Checksums

    @Test mutating func `A sequential writer's blocks carry the checksum of their bytes`() {
        write(0..<7)
        write(7..<18)
        write(18..<23)
        let ten = CRC64Reference.of([UInt8](repeating: 1, count: 10))
        #expect(takeAll().map(\.crc) == [ten, ten])
        _ = plan.flush()
        #expect(takeAll().map(\.crc) == [CRC64Reference.of([1, 1, 1])])
    }

    @Test(
        arguments: [(0..<1, "the start"), (4..<5, "the middle"), (6..<7, "the last byte")] as [(Range<UInt64>, String)]
    )
    mutating func `A rewrite drops the running checksum`(range: Range<UInt64>, place: String) {
        write(0..<7)
        write(range)
        write(7..<20)
        #expect(takeAll().map(\.crc)[0] == nil, "rewritten: \(place)")
    }

    @Test mutating func `A hole made while a write is open drops its checksum`() {
        var open = plan.beginWrite(0..<20)
        _ = plan.beginChange(3..<4)
        plan.zeroed(3..<4, extends: false)
        [UInt8](repeating: 1, count: 20).withUnsafeBytes { open.checksum?.update($0) }
        plan.endWrite(open, byteCount: 20)
        #expect(takeAll().allSatisfy { $0.crc == nil })
    }

    // MARK: The hash

    @Test mutating func `The hash follows a sequential writer and no further than its cut blocks`() {
        write(0..<35)
        #expect(plan.claimForHashing(100) == 0..<30)
        #expect(plan.claimForHashing(100) == nil)
        #expect(plan.flush() == .blocks(isHashed: true))
        #expect(plan.claimForHashing(100) == 30..<35)
        #expect(plan.isHashComplete)
    }

    @Test mutating func `A rewrite of hashed bytes ends the hash of a long file`() {
        write(0..<100)
        _ = plan.claimForHashing(20)
        write(5..<6)
        #expect(plan.flush() == .blocks(isHashed: false))
    }

    @Test mutating func `A file of one block is hashed anew`() {
        write(0..<20)
        stageAll()
        _ = plan.claimForHashing(20)
        _ = plan.beginChange(10..<20)
        plan.truncated(to: 10)
        #expect(plan.flush() == .blocks(isHashed: true))
        #expect(plan.claimForHashing(100) == 0..<10)
    }

    @Test mutating func `The hash goes on behind a commit`() throws {
        write(0..<100)
        stageAll()
        _ = plan.flush()
        while plan.claimForHashing(100) != nil {}
        try commitBlocks()
        write(100..<101)
        #expect(plan.flush() == .blocks(isHashed: true))
        #expect(plan.claimForHashing(100) == 100..<101)
    }
}
