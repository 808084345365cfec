import LocalStore
import Testing

struct CleanFileKeyTests {
    private func key(blob: String = "b", version: String = "etag:1") -> CleanFileKey {
        CleanFileKey(account: "https://a", container: "c", blob: blob, version: version)
    }

    @Test func `names that only look alike are two`() {
        let composed = key(blob: "\u{E9}")
        let decomposed = key(blob: "e\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, key(blob: "\u{E9}")]).count == 2)
    }

    @Test func `parts do not run into each other`() {
        let one = CleanFileKey(account: "a", container: "bc", blob: "d", version: "e")
        let other = CleanFileKey(account: "ab", container: "c", blob: "d", version: "e")
        #expect(one != other)
        #expect(key(version: "etag:1") != key(version: "etag:2"))
    }
}
