import OutputConventions
import Testing

struct TrackedKindsTests {
    @Test(arguments: ["t/$TaskLog/a", "$TaskLog/a", "t/$TaskLog/a/b.txt"])
    func `outputs of a tracked kind are tracked`(name: String) {
        #expect(TrackedKinds.standard.contain(blobName: name))
        #expect(!TrackedKinds([]).contain(blobName: name))
    }

    @Test(arguments: [
        "t/TaskLog/a", "t/$TaskLog", "t/$TaskLogs/a", "t/$tasklog/a", "t/u/$TaskLog/a", "t/$TaskOutput/$TaskLog/a", "",
        "/",
        "$", "$TaskLog",
    ])
    func `others are not`(name: String) { #expect(!TrackedKinds.standard.contain(blobName: name)) }

    @Test func `any kind can be tracked, several at a time`() {
        let kinds = TrackedKinds(["TaskLog", "Fortschritt-é"])
        #expect(kinds.contain(blobName: "t/$Fortschritt-é/x"))
        // Composed and decomposed are two names.
        #expect(!kinds.contain(blobName: "t/$Fortschritt-e\u{301}/x"))
    }
}
