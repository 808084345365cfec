import FileSystemModel
import TestSupport
import Testing

@testable import OutputTree

@Suite struct SlotIndexTests {
    @Test func `what is in it is found, and nothing else, while it grows and shrinks`() {
        var random = SeededRandom(seed: testSeed())
        var index = SlotIndex()
        var model: [UInt32: UInt32] = [:]
        // Few hashes, so that many slots share one; and those at the end of the table, which go on at its beginning.
        func hash(of slot: UInt32) -> UInt32 {
            slot.isMultiple(of: 3) ? .max - slot % 5 : slot.isMultiple(of: 7) ? slot % 11 : slot &* 0x9E37_79B9
        }
        for step in 0..<20_000 {
            let slot = UInt32.random(in: 1...600, using: &random)
            let isGrowing = step / 4000 % 2 == 0
            if model[slot] == nil, Int.random(in: 0..<4, using: &random) > 0 || isGrowing {
                index.insert(hash(of: slot), slot)
                model[slot] = hash(of: slot)
            } else {
                index.remove(hash(of: slot), slot)
                model[slot] = nil
            }
            let asked = UInt32.random(in: 1...600, using: &random)
            let found = index.find(hash(of: asked)) { $0 == asked }
            guard index.count != model.count || found != (model[asked] == nil ? nil : asked) else { continue }
            Issue.record("step \(step): \(index.count) instead of \(model.count), found \(found as Any)")
            return
        }
        #expect(Set(index.slots) == Set(model.keys))
        for (slot, hash) in model { index.remove(hash, slot) }
        #expect(index.slots.isEmpty)
    }

    @Test func `a search looks at few entries`() {
        var random = SeededRandom(seed: testSeed())
        var index = SlotIndex()
        for slot in 1...10_000 as ClosedRange<UInt32> { index.insert(.random(in: 0 ... .max, using: &random), slot) }
        #expect(index.longestRun < 400)
    }

    @Test func `what is not in it is not removed`() {
        var index = SlotIndex()
        index.remove(5, 1)
        index.insert(5, 1)
        index.remove(5, 2)
        index.remove(6, 1)
        #expect(index.find(5) { _ in true } == 1)
    }
}

@Suite struct NodePageTests {
    private func name(_ page: NodePage, _ slot: Int) -> String { String(decoding: page.name(of: slot), as: UTF8.self) }

    private func set(_ page: NodePage, _ slot: Int, _ name: String, inode: UInt64? = nil) {
        name.withBytes { page.setName($0, inode: inode, of: slot) }
    }

    @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, 200_000])
    func `a name comes back, however long, with and without an inode number`(count: Int) {
        let page = NodePage(firstUseCount: 0)
        let slots = (0..<3).map { _ in page.take(.selfLink) }
        let long = String(repeating: "x", count: count)
        set(page, slots[0], "before")
        set(page, slots[1], long, inode: 77)
        set(page, slots[2], long)
        #expect(name(page, slots[0]) == "before")
        #expect(name(page, slots[1]) == long && name(page, slots[2]) == long)
        #expect(page.ownInode(of: slots[1]) == 77 && page.ownInode(of: slots[2]) == nil)
    }

    @Test func `names survive that others come and go`() {
        var random = SeededRandom(seed: testSeed())
        let page = NodePage(firstUseCount: 0)
        var model: [Int: (name: String, inode: UInt64?)] = [:]
        for step in 0..<30_000 {
            if model.count < 300, Bool.random(using: &random) {
                let slot = page.take(.selfLink)
                let text = String(repeating: "n\(step)", count: Int.random(in: 0...60, using: &random))
                let inode: UInt64? = Bool.random(using: &random) ? UInt64(step) : nil
                set(page, slot, text, inode: inode)
                model[slot] = (text, inode)
            } else if let slot = model.keys.randomElement(using: &random) {
                #expect(name(page, slot) == model[slot]?.name)
                #expect(page.ownInode(of: slot) == model[slot]?.inode)
                page.dropName(of: slot)
                page.free(slot)
                model[slot] = nil
            }
            #expect(page.usedCount == model.count)
        }
        for (slot, kept) in model { #expect(name(page, slot) == kept.name) }
    }
}

@Suite struct NodeSlotsTests {
    @Test func `no id comes twice, also when pages come and go`() {
        var slots = NodeSlots()
        _ = slots.take(.selfLink)
        var seen: Set<UInt64> = []
        for _ in 0..<5 {
            let taken = (0..<NodePage.slotCount * 2).map { _ in slots.take(.selfLink) }
            for slot in taken { #expect(seen.insert(slots.id(of: slot).rawValue).inserted) }
            #expect(slots.pageCount == 3)
            for slot in taken { slots.free(slot) }
            #expect(slots.pageCount == 1 && slots.count == 1)
            for slot in taken.prefix(3) { #expect(slots.slot(of: .init(rawValue: UInt64(slot))) == nil) }
        }
    }

    @Test func `a slot whose numbers are used up stays unused`() {
        let page = NodePage(firstUseCount: .max)
        let slot = page.take(.selfLink)
        page.free(slot)
        #expect(page.take(.selfLink) != slot)
        #expect(page.usedCount == 2)
    }

    @Test func `a record takes 96 bytes`() { #expect(MemoryLayout<NodeRecord>.stride <= 96) }
}
