import Testing

@testable import BlobReading

struct SavePaceTests {
    private static let size = 4 << 20

    /// Saves of a late version, of which those past the page cache take `past`, the others `through`; how many went past it.
    private func run(_ pace: inout SavePace, _ count: Int, through: Duration, past: Duration) -> Int {
        var directCount = 0
        for _ in 0..<count {
            let isDirect = pace.isDirect(Self.size, isLate: true)
            directCount += isDirect ? 1 : 0
            pace.note(Self.size, isDirect ? past : through, isDirect: isDirect)
        }
        return directCount
    }

    @Test func `who is not late goes through the page cache, and so does what is small`() {
        var pace = SavePace()
        _ = run(&pace, 100, through: .milliseconds(50), past: .milliseconds(2))
        for _ in 0..<200 {
            let (isDirect, isSmallDirect) = (
                pace.isDirect(Self.size, isLate: false), pace.isDirect(65_536, isLate: true)
            )
            #expect(!isDirect && !isSmallDirect)
        }
    }

    @Test func `the faster way is taken, and the other one tried now and then`() {
        var pace = SavePace()
        #expect((960...1_000).contains(run(&pace, 1_000, through: .milliseconds(20), past: .milliseconds(2))))
        var other = SavePace()
        #expect((1...40).contains(run(&other, 1_000, through: .milliseconds(2), past: .milliseconds(20))))
    }

    @Test func `a way that became faster is found again`() {
        var pace = SavePace()
        _ = run(&pace, 500, through: .milliseconds(20), past: .milliseconds(2))
        _ = run(&pace, 500, through: .milliseconds(2), past: .milliseconds(20))
        #expect(run(&pace, 500, through: .milliseconds(2), past: .milliseconds(20)) < 40)
    }
}
