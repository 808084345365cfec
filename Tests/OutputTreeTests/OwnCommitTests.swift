import BlobStorage
import BlobWriting
import TestSupport
import Testing

@testable import OutputTree

/// What the store says between the end of a commit and the note of it.
@Suite(.timeLimit(.minutes(5)))
struct OwnCommitTests {
    private let lives = TwoLives()
    private let blob = BlobAddress(container: "data", name: "f")

    init() { lives.store.addContainer("data") }

    /// §2.2: two nodes of one file would each build on a version that the other one replaces.
    @Test func `the version that was just sent is this file, and any other version is not`() async throws {
        lives.store.add(blob, [1, 2, 3])
        let before = try await lives.store.properties(of: blob)
        let local = try DirtyFile(scheduler: try lives.scheduler(), blob: blob, base: before, known: .unknown)
        var state = FileState(address: blob, facts: FileFacts(before), learnedAt: .zero)
        state.local = local
        let outcome = try [UInt8](repeating: 4, count: 1).withUnsafeBytes { try local.write($0, at: 3) }
        #expect(outcome == .done)
        let committed = try await local.commit(headers: BlobHeaders(), condition: .any)
        #expect(!state.hasUnsentContent && state.facts?.etag == before.version.etag)
        let sent = try await lives.store.properties(of: blob)
        #expect(sent.version.etag == committed.version.etag)
        #expect(state.observe(FileFacts(sent), startedAt: .seconds(1)) == .same)
        lives.store.add(blob, [5])
        let foreign = try await lives.store.properties(of: blob)
        #expect(state.observe(FileFacts(foreign), startedAt: .seconds(2)) == .replaced)
        local.discard()
    }
}
