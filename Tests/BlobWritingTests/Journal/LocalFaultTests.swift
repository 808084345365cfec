import BlobStorage
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BlobWriting
@testable import LocalStore

/// One call to the local disk fails, and all others work: a bad sector, a disk that was full for a moment.
@Suite(.timeLimit(.minutes(1)))
struct LocalFaultTests {
    /// Fails the call with this number, counted from 0.
    private final class Fault: Sendable {
        private let seen = Mutex(0)
        private let number: Int
        private let errno: Int32

        init(at number: Int, errno: Int32) { (self.number, self.errno) = (number, errno) }

        var gate: FileGate {
            FileGate(verdict: { _ in
                self.seen.withLock { seen in
                    defer { seen += 1 }
                    return seen == self.number ? .fail(self.errno) : .proceed
                }
            })
        }

        var hasHit: Bool { seen.withLock { $0 > number } }
    }

    private let place: TemporaryDirectory
    private let store = MemoryStore(containers: ["c"])
    private let blob = BlobAddress(container: "c", name: "f")

    init() throws { place = try TemporaryDirectory() }

    private func scheduler(_ gate: FileGate) throws -> UploadScheduler {
        var configuration = UploadConfiguration(journalDirectory: place.path)
        (configuration.blockSize, configuration.singlePutMax) = (1024, 1024)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let threads = WorkerThreads(name: "test", count: 1)
        let journal = try JournalDirectory(path: place.path, owner: "a", threads: threads, gate: gate)
        return try UploadScheduler(store: store, configuration: configuration, logger: logger, journal: journal)
    }

    /// For every n: what a call reported is what the store holds afterwards, and the next try of what failed succeeds.
    @Test(arguments: [EIO, ENOSPC], ["small", "blocks", "edit"])
    func `whichever local call fails, the store gets what was reported, and the next try works`(
        errno: Int32,
        kind: String
    ) async throws {
        let original = pattern(4000, 9)
        var number = 0
        var failures = 0
        while true {
            let base = kind == "edit" ? store.add(blob, original) : nil
            if base == nil { store.remove(blob) }
            let fault = Fault(at: number, errno: errno)
            let scheduler = try scheduler(fault.gate)
            let file = try retried(&failures) {
                try DirtyFile(
                    scheduler: scheduler,
                    blob: blob,
                    base: base.map { BlobProperties(version: $0, length: 4000) }
                )
            }
            var model = base == nil ? [] : original
            for (offset, count) in kind == "small" ? [(0, 100), (100, 300)] : [(0, 1500), (1500, 2000), (700, 10)] {
                let bytes = pattern(count, offset + 1)
                try retried(&failures) { _ = try file.write(bytes, at: offset) }
                model += [UInt8](repeating: 0, count: max(0, offset + count - model.count))
                model.replaceSubrange(offset..<offset + count, with: bytes)
            }
            try retried(&failures) { _ = try file.zero(50..<60, extends: false) }
            model.replaceSubrange(50..<60, with: [UInt8](repeating: 0, count: 10))
            #expect(try retried(&failures) { try file.content(base: original) } == model)
            do {
                try await file.commit()
            } catch {
                failures += 1
                // The old version, or nothing; never a part.
                #expect(store.bytes(of: blob) == (base == nil ? nil : original), "call \(number)")
                try await file.commit()
            }
            #expect(store.bytes(of: blob) == model, "call \(number)")
            #expect(try retried(&failures) { try file.content(base: original) } == model, "call \(number)")
            file.discard()
            scheduler.journal.close()
            guard fault.hasHit else { break }
            number += 1
        }
        #expect(number > 4)
        #expect(failures > 2, "of \(number) calls")
    }

    private func retried<Value>(_ failures: inout Int, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch {
            failures += 1
            return try body()
        }
    }
}
