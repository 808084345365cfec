import Testing

@testable import OutputTransfer

struct LinkTargetTests {
    @Test(arguments: [
        ("x", 0), ("./x", 0), ("a/b", 0), ("../x", 1), ("./../x", 1), ("../../a/b", 2), ("..", 1), (".", 0),
        ("a//b/", 0),
        ("...", 0), ("..x", 0),
    ])
    func `a link that goes up to its folder at most stays inside`(_ text: String, _ depth: Int) {
        #expect(LinkTarget.staysInside(text, depth: depth))
    }

    @Test(arguments: [
        ("", 5), ("/x", 5), ("..", 0), ("../x", 0), ("../../x", 1), (".././../x", 1), ("a\0b", 0),
        // The name before may be a link itself.
        ("a/../x", 5), ("a/..", 5), ("./a/./../b", 5),
    ])
    func `a link that may lead further does not`(_ text: String, _ depth: Int) {
        #expect(!LinkTarget.staysInside(text, depth: depth))
    }

    @Test func `a text that is longer than a path does not`() {
        #expect(LinkTarget.staysInside(String(repeating: "x", count: 4_095), depth: 0))
        #expect(!LinkTarget.staysInside(String(repeating: "x", count: 4_096), depth: 0))
    }
}
