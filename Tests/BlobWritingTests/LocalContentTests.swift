import Testing

@testable import BlobWriting

struct LocalContentTests {
    @Test func `A new file is a hole until it is written`() {
        var content = LocalContent(baseSize: 0)
        content.truncated(to: 1 << 20)
        #expect(content.segments(of: 0..<1 << 30) == [.hole(0..<1 << 20)])
        content.wrote(10..<20)
        #expect(content.segments(of: 0..<1 << 20) == [.hole(0..<10), .local(10..<20), .hole(20..<1 << 20)])
        #expect(content.segments(of: 12..<15) == [.local(12..<15)])
        #expect(content.missing.isEmpty)
    }

    @Test func `What was not written is the base's`() {
        var content = LocalContent(baseSize: 100)
        content.wrote(40..<60)
        #expect(content.segments(of: 0..<100) == [.base(0..<40), .local(40..<60), .base(60..<100)])
        #expect(content.missing == [0..<40, 60..<100])
        content.fetched(0..<40)
        #expect(content.missing == [60..<100])
    }

    @Test func `What was cut off never comes back`() {
        var content = LocalContent(baseSize: 100)
        content.truncated(to: 50)
        content.truncated(to: 200)
        #expect(content.segments(of: 0..<200) == [.base(0..<50), .hole(50..<200)])
        #expect(content.missing == [0..<50])
    }

    @Test func `A hole over the base is local zeros, a hole over nothing is a hole`() {
        var content = LocalContent(baseSize: 100)
        content.wrote(100..<200)
        content.zeroed(50..<150, extends: false)
        #expect(
            content.segments(of: 0..<200) == [.base(0..<50), .local(50..<100), .hole(100..<150), .local(150..<200)]
        )
        content.zeroed(190..<300, extends: false)
        #expect(content.size == 200)
        content.zeroed(190..<300, extends: true)
        #expect(content.size == 300)
    }

    @Test func `Small holes behind the base are joined, those over the base never`() {
        var content = LocalContent(baseSize: 1000)
        content.wrote(2000..<2010)
        content.wrote(2020..<2030)
        content.wrote(10..<20)
        content.wrote(30..<40)
        #expect(content.segments(of: 2000..<2030) == [.local(2000..<2030)])
        #expect(content.segments(of: 10..<40) == [.local(10..<20), .base(20..<30), .local(30..<40)])
        #expect(content.isLocal(2005..<2025))
        #expect(!content.isLocal(15..<35))
    }

    @Test func `A writer with a stride keeps a bounded list`() {
        var content = LocalContent(baseSize: 0)
        for index in 0..<10_000 as Range<UInt64> { content.wrote(index * 8192..<index * 8192 + 100) }
        #expect(content.segments(of: 0..<content.size).count == 1)
    }
}
