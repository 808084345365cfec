import BlobStorage
import TestSupport
import Testing

@testable import BlobWriting

/// Random stories against a plain array of bytes. A failing one is replayed with `SEED=…`.
@Suite(.timeLimit(.minutes(3)))
struct DirtyFileModelTests {
    @Test func `Random writes, holes, truncations and commits leave exactly the model's bytes`() async throws {
        var random = SeededRandom(seed: testSeed())
        for _ in 0..<25 {
            var story = try Story(&random)
            for _ in 0..<60 { try await story.step(&random) }
            try await story.end()
        }
    }

    @Test func `Random stories survive random faults`() async throws {
        var random = SeededRandom(seed: testSeed())
        for _ in 0..<25 {
            var story = try Story(&random)
            for _ in 0..<60 {
                if Int.random(in: 0..<3, using: &random) == 0 {
                    story.fixture.store.fail(
                        call: Int.random(in: 1...8, using: &random),
                        error: .test(.unavailable, .persistent),
                        takesEffect: Bool.random(using: &random)
                    )
                }
                try await story.step(&random)
            }
            story.fixture.store.removeFaults()
            try await story.end()
        }
    }
}

/// One file, its model, and what the store is known to hold.
private struct Story {
    let fixture: WritingFixture
    let file: DirtyFile
    let base: [UInt8]
    var model: [UInt8]
    var committed: [UInt8]?
    var isHolding = false

    init(_ random: inout SeededRandom) throws {
        fixture = try WritingFixture()
        if Int.random(in: 0..<3, using: &random) > 0 {
            base = fixture.addBase(byteCountMax: 12_000, &random)
            committed = base
            file = try fixture.makeFile(base: fixture.store.storedProperties(of: fixture.blob))
        } else {
            base = []
            file = try fixture.makeFile()
        }
        model = base
    }

    mutating func step(_ random: inout SeededRandom) async throws {
        let place = Int.random(in: 0...model.count + 500, using: &random)
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: try write(Int.random(in: 1...1500, using: &random), at: model.count, &random)
        case 6..<10: try write(Int.random(in: 1...1500, using: &random), at: place, &random)
        case 10: try write(100, at: place + Int.random(in: 0..<100_000, using: &random), &random)
        case 11: try truncate(to: place)
        case 12: try truncate(to: place + 3000)
        case 13, 14: try zero(place..<place + Int.random(in: 1...3000, using: &random), Bool.random(using: &random))
        case 15: toggleHolding()
        default: try await commit()
        }
        #expect(file.size == UInt64(model.count))
        if Int.random(in: 0..<4, using: &random) == 0 { try checkContent() }
    }

    mutating func end() async throws {
        try await commit(mustSucceed: true)
        try checkContent()
        #expect(fixture.stored == model)
        #expect(fixture.store.uncommittedBlockCount(of: fixture.blob) == 0)
        if let stored = fixture.store.storedProperties(of: fixture.blob)?.contentMD5 {
            #expect(stored == file.lastCommit?.contentMD5)
        }
    }

    private mutating func write(_ count: Int, at offset: Int, _ random: inout SeededRandom) throws {
        let bytes = pattern(count, Int.random(in: 0...1000, using: &random))
        #expect(try file.write(bytes, at: offset) == .done)
        grow(to: offset + count)
        model.replaceSubrange(offset..<offset + count, with: bytes)
    }

    private mutating func truncate(to size: Int) throws {
        #expect(try file.truncate(to: UInt64(size)) == .done)
        if size < model.count { model.removeSubrange(size...) } else { grow(to: size) }
    }

    private mutating func zero(_ range: Range<Int>, _ extends: Bool) throws {
        let bytes = UInt64(range.lowerBound)..<UInt64(range.upperBound)
        #expect(try file.zero(bytes, extends: extends) == .done)
        if extends { grow(to: range.upperBound) }
        for index in range.clamped(to: 0..<model.count) { model[index] = 0 }
    }

    private mutating func grow(to size: Int) {
        if size > model.count { model += [UInt8](repeating: 0, count: size - model.count) }
    }

    /// Blocks stay on their way for a while, so that what follows meets them there.
    private mutating func toggleHolding() {
        isHolding ? fixture.store.release(.putBlock) : fixture.store.hold(.putBlock)
        isHolding.toggle()
    }

    private mutating func commit(mustSucceed: Bool = false) async throws {
        if isHolding { toggleHolding() }
        do {
            let result = try await file.commit()
            #expect(result.size == UInt64(model.count))
            #expect(fixture.stored == model)
            #expect(!file.isDirty)
            if let sum = result.contentMD5 { #expect(sum == fixture.md5OfStored) }
            committed = model
        } catch {
            #expect(!mustSucceed, "\(error)")
            #expect(file.lastError != nil)
            let stored = fixture.stored
            #expect(stored == committed || stored == model)
            committed = stored
        }
    }

    private func checkContent() throws { #expect(try file.content(base: base) == model) }
}
