import Testing

@testable import OutputTree

struct PagesReadTests {
    @Test func `pages hold a file that was read once, and neither one never read nor one read again`() {
        let pages = PagesRead()
        var held: [Bool] = []
        for bytes in [0, 499, 1, 999, 1] {
            pages.note(bytes)
            held.append(pages.hold(mostOf: 1_000))
        }
        #expect(held == [false, false, true, true, false])
    }
}
