import BlobStorage
import Checksums
import Glibc
import LocalStore
import TestSupport
import Testing

@testable import BlobWriting

/// The MD5 of whole files, where several want the same threads.
@Suite(.timeLimit(.minutes(1)))
struct ContentHashTests {
    let fixture: WritingFixture

    init() throws { fixture = try WritingFixture() }

    @Test func `Files that are closed together have each their own MD5`() async throws {
        let fixture = fixture
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<16 {
                group.addTask {
                    let file = try fixture.makeFile(BlobAddress(container: "c", name: "f\(number)"))
                    let bytes = pattern(40_000, number)
                    for start in stride(from: 0, to: bytes.count, by: 999) {
                        _ = try file.write(Array(bytes[start..<min(bytes.count, start + 999)]), at: start)
                    }
                    #expect(try await file.commit().contentMD5 == Base64.encode(md5(bytes)))
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `A commit waits for the hash, and one that goes away leaves it to the next`() async throws {
        let gate = try Gate(fixture.scheduler.hashing)
        let file = try fixture.makeFile()
        let bytes = pattern(5000)
        _ = try file.write(bytes, at: 0)
        let caller = Task { try await file.commit() }
        while fixture.store.counts[.putBlock] != 5 { await Task.yield() }
        #expect(fixture.store.counts[.putBlockList] == nil)
        caller.cancel()
        await #expect(throws: CommitError.self) { try await caller.value }
        gate.open()
        #expect(try await file.commit().contentMD5 == Base64.encode(md5(bytes)))
        #expect(fixture.stored == bytes)
    }
}

/// Keeps all threads of a kind busy until it is opened.
private struct Gate {
    private let descriptor: Int32

    init(_ threads: WorkerThreads) throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw LocalStoreError(errno: errno, operation: "pipe", path: "") }
        descriptor = ends[1]
        let end = ends[0]
        // As many as there can be: those that find the gate open go on at once.
        for _ in 0..<4 {
            threads.run {
                var byte: UInt8 = 0
                _ = read(end, &byte, 1)
            }
        }
    }

    func open() { close(descriptor) }
}
