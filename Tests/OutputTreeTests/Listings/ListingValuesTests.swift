import TestSupport
import Testing

@testable import OutputTree

@Suite struct ReadingPositionTests {
    private func name(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

    @Test func `a position reads back from its offset, and is none of the two before the names`() throws {
        for (page, index) in [(0, 0), (0, 1), (3, 5_000), (199, 4_999), (1 << 19, 1 << 23)] {
            let position = ReadingPosition(page: page, index: index, after: name("f\(index)"))
            #expect(position.offset > 1)
            #expect(position.offset <= UInt64(Int64.max))
            #expect(try #require(ReadingPosition(offset: position.offset)) == position)
        }
        #expect(ReadingPosition(offset: 0) == nil)
        #expect(ReadingPosition(offset: 1) == nil)
    }

    @Test func `in a page that changed a position is behind the same name`() {
        let position = ReadingPosition(page: 0, index: 3, after: name("c"))
        func start(_ names: [String]) -> Int { position.start(in: names.count) { name(names[$0]) } }
        #expect(start(["a", "b", "c", "d"]) == 3)
        #expect(start(["c", "d"]) == 1)
        #expect(start(["a", "aa", "ab", "b", "c", "d"]) == 5)
        #expect(start(["a", "b", "d"]) == 3)
        #expect(start([]) == 0)
    }

    @Test func `positions that nobody gave out lead nowhere bad`() {
        for offset in [2, 3, 1 << 19 - 1, UInt64.max, UInt64(Int64.max)] as [UInt64] {
            guard let position = ReadingPosition(offset: offset) else { continue }
            #expect((0...2).contains(position.start(in: 2) { name(["a", "b"][$0]) }))
        }
    }
}

@Suite struct PageQuestionsTests {
    private func ask(_ questions: inout PageQuestions, _ name: UInt64, at seconds: Double) -> Bool {
        questions.ask(name, at: .seconds(seconds), window: .seconds(1), isWalk: false)
    }

    @Test func `one name alone lists nothing, however often it is asked for`() {
        var questions = PageQuestions()
        for second in 0..<100 { #expect(!ask(&questions, 7, at: Double(second) / 2)) }
    }

    @Test func `a second name soon after lists the page, a late one does not`() {
        var questions = PageQuestions()
        #expect(!ask(&questions, 1, at: 0))
        #expect(ask(&questions, 2, at: 0.5))
        var slow = PageQuestions()
        #expect(!ask(&slow, 1, at: 0))
        #expect(!ask(&slow, 2, at: 2))
    }

    @Test func `who looks at three files again and again is soon answered one by one`() {
        var questions = PageQuestions()
        var listings = 0
        for second in 0..<100 {
            for name in 0..<3 where ask(&questions, UInt64(name), at: Double(second)) {
                listings += 1
                questions.noteLoaded()
                for _ in 0..<2 { _ = questions.noteAnswer(at: .seconds(second)) }
                break
            }
        }
        #expect(listings < 5)
    }

    @Test func `a walk lists the page each time that it has grown too old`() {
        var questions = PageQuestions()
        var alone = 0
        for second in 0..<100 {
            for name in 0..<1000 {
                guard !ask(&questions, UInt64(second * 1000 + name), at: Double(second)) else {
                    questions.noteLoaded()
                    for _ in 0..<998 { _ = questions.noteAnswer(at: .seconds(second)) }
                    break
                }
                alone += 1
            }
        }
        #expect(alone == 100)
    }

    @Test func `where listing takes longer than it is good for, or fails, names are asked for one by one`() {
        var (late, failed) = (PageQuestions(), PageQuestions())
        late.noteLoaded(isLate: true)
        failed.noteFailed()
        for name in 0..<60 {
            #expect(!ask(&late, UInt64(name), at: 0))
            #expect(!ask(&failed, UInt64(name), at: 0))
        }
        for name in 60..<70 {
            _ = ask(&late, UInt64(name), at: 0)
            _ = ask(&failed, UInt64(name), at: 0)
        }
        #expect(ask(&late, 70, at: 0))
        #expect(ask(&failed, 70, at: 0))
    }

    @Test func `where there are other signs of a walk the first name is enough`() {
        var questions = PageQuestions()
        let isListed = questions.ask(1, at: .zero, window: .seconds(1), isWalk: true)
        #expect(isListed)
    }
}

@Suite struct NameOrderTests {
    @Test func `both comparisons are those of names with a slash`() {
        let names = ["", "a", "a-", "a-b", "a.", "a0", "ab", "b", "é"]
        for one in names {
            for other in names {
                let (left, right) = (Array((one + "/").utf8), Array((other + "/").utf8))
                let expected = left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
                #expect(
                    NameOrder.compare(finalOf: Array(one.utf8)[...], withFinalOf: Array(other.utf8)[...]) == expected
                )
                #expect(NameOrder.compare(finalOf: Array(one.utf8), with: right) == expected)
                let raw = Array(other.utf8)
                let expectedRaw = left == raw ? 0 : left.lexicographicallyPrecedes(raw) ? -1 : 1
                #expect(NameOrder.compare(finalOf: Array(one.utf8), with: raw) == expectedRaw)
            }
        }
    }
}
