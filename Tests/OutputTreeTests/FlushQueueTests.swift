import Testing

@testable import OutputTree

struct FlushQueueTests {
    private func taken(_ queue: inout FlushQueue<Int>, at seconds: Int) -> [Int] {
        var taken: [Int] = []
        while case .flush(let element) = queue.next(at: .seconds(seconds)) { taken.append(element) }
        return taken
    }

    @Test func `who waits is due an interval later, in the order of arrival`() {
        var queue = FlushQueue<Int>(countMax: 10, interval: .seconds(15))
        queue.add(1, at: .seconds(100))
        queue.add(2, at: .seconds(104))
        guard case .sleep(let duration) = queue.next(at: .seconds(101)) else {
            Issue.record("somebody waits")
            return
        }
        #expect(duration == .seconds(14))
        #expect(taken(&queue, at: 115) == [1])
        #expect(taken(&queue, at: 119) == [2])
        #expect(queue.waitingCount == 0)
    }

    @Test func `no more than may be are at it, and the others follow`() {
        var queue = FlushQueue<Int>(countMax: 2, interval: .seconds(1))
        for number in 0..<5 { queue.add(number, at: .zero) }
        #expect(taken(&queue, at: 9) == [0, 1])
        queue.ended()
        #expect(taken(&queue, at: 9) == [2])
        queue.ended()
        queue.ended()
        #expect(taken(&queue, at: 9) == [3, 4])
        #expect(queue.running == 2)
    }

    @Test func `thousands go through, and none is left behind`() {
        var queue = FlushQueue<Int>(countMax: .max, interval: .seconds(1))
        var seen: [Int] = []
        for number in 0..<5000 {
            queue.add(number, at: .seconds(number))
            seen += taken(&queue, at: number)
        }
        seen += taken(&queue, at: 6000)
        #expect(seen == Array(0..<5000))
    }

    @Test func `nobody waits, nothing is due`() {
        var queue = FlushQueue<Int>(countMax: 2, interval: .seconds(1))
        guard case .nothing = queue.next(at: .zero) else {
            Issue.record("nobody waits")
            return
        }
    }
}
