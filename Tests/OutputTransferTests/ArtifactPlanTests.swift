import Testing

@testable import OutputTransfer

struct ArtifactPlanTests {
    private static let files = [
        ArtifactPlan.Local(name: "a", length: 3, md5: "one"), ArtifactPlan.Local(name: "b", length: 5, md5: "two"),
    ]

    private static func plan(_ remote: [String: ArtifactPlan.Remote], isConfirmed: Bool) -> ArtifactPlan {
        let remote = Dictionary(uniqueKeysWithValues: remote.map { (NameBytes($0.key), $0.value) })
        return ArtifactPlan(files, remote: remote, isConfirmed: isConfirmed)
    }

    @Test func `only a blob of the file's length with an MD5 makes the file be hashed`() {
        func needs(_ remote: [String: ArtifactPlan.Remote]) -> Bool {
            let remote = Dictionary(uniqueKeysWithValues: remote.map { (NameBytes($0.key), $0.value) })
            return ArtifactPlan.needsMD5(.init(name: "a", length: 3), remote: remote)
        }
        #expect(needs(["a": .init(length: 3, md5: "one")]))
        #expect(!needs(["a": .init(length: 3)]))
        #expect(!needs(["a": .init(length: 4, md5: "one")]))
        #expect(!needs(["b": .init(length: 3, md5: "one")]))
    }

    @Test func `what is all there and confirmed is complete`() {
        let all = ["a": ArtifactPlan.Remote(length: 3, md5: "one"), "b": .init(length: 5)]
        #expect(Self.plan(all, isConfirmed: true) == .complete)
        #expect(Self.plan(all, isConfirmed: false) == .repair([]))
    }

    @Test func `what is missing or half there is repaired`() {
        #expect(Self.plan([:], isConfirmed: false) == .repair([0, 1]))
        #expect(Self.plan(["a": .init(length: 3, md5: "one")], isConfirmed: true) == .repair([1]))
        let half = ["a": ArtifactPlan.Remote(length: 3, md5: "other"), "b": .init(length: 1)]
        #expect(Self.plan(half, isConfirmed: false) == .repair([0, 1]))
    }

    @Test func `other bytes under a confirmed hash are a collision`() {
        let other = ["a": ArtifactPlan.Remote(length: 3, md5: "other")]
        #expect(Self.plan(other, isConfirmed: true) == .collision("a is another file there"))
        let more = ["a": ArtifactPlan.Remote(length: 3, md5: "one"), "z": .init(length: 1)]
        #expect(Self.plan(more, isConfirmed: true) == .collision("z is there, and not here"))
    }
}
