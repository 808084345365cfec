import BlobStorage
import Glibc
import LocalStore
import TestSupport
import Testing

@testable import BlobWriting

/// Many writers, and a disk that is full.
@Suite(.timeLimit(.minutes(3)))
struct LimitsTests {
    @Test func `A thousand writers at once have no more blocks on their way than one`() async throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let fixture = try WritingFixture()
        let store = fixture.store
        store.hold(.putBlock)
        let files = try (0..<1000).map { try fixture.makeFile(BlobAddress(container: "c", name: "\($0)")) }
        for offset in 0..<5 {
            for (index, file) in files.enumerated() {
                _ = try file.write(pattern(1024, index + offset), at: offset * 1024)
            }
        }
        await store.waitUntilHeld(.putBlock, count: 16)
        #expect(fixture.scheduler.statistics.stagesInFlight == 16)
        #expect(store.count(of: .putBlock) == 16)
        store.release(.putBlock)
        await withTaskGroup(of: Void.self) { group in
            for file in files {
                group.addTask { _ = await #expect(throws: Never.self) { try await file.commit() } }
            }
        }
        for index in files.indices {
            let expected = (0..<5).flatMap { pattern(1024, index + $0) }
            #expect(store.bytes(of: BlobAddress(container: "c", name: "\(index)")) == expected)
        }
        #expect(store.count(of: .putBlock) == 5000)
        let statistics = fixture.scheduler.statistics
        #expect(statistics.filesCommitted == 1000 && statistics.bytesCommitted == 1000 * 5120)
        #expect(statistics.bytesStaged == 1000 * 5120)
        #expect(statistics.commitsRunning == 0 && statistics.stagesInFlight == 0)
    }

    @Test func `Files take turns`() async throws {
        let fixture = try WritingFixture { $0.stagesInFlightMax = 1 }
        fixture.store.hold(.putBlock)
        let (long, short) = (try fixture.makeFile(), try fixture.makeFile(BlobAddress(container: "c", name: "short")))
        _ = try long.write(pattern(100 << 10), at: 0)
        _ = try short.write(pattern(2 << 10), at: 0)
        await fixture.store.waitUntilHeld(.putBlock)
        for _ in 0..<4 {
            fixture.store.releaseFirst(.putBlock)
            await fixture.store.waitUntilHeld(.putBlock)
        }
        #expect(fixture.store.uncommittedBlockCount(of: BlobAddress(container: "c", name: "short")) >= 1)
        fixture.store.release(.putBlock)
        try await short.commit()
        try await long.commit()
    }

    /// §3.2
    @Test func `A disk that takes nothing gives ENOSPC and leaves the file as it was`() throws {
        let fixture = try WritingFixture()
        let full = SpoolFile(
            descriptor: open("/dev/full", O_RDWR | O_CLOEXEC),
            path: "/dev/full",
            threads: WorkerThreads(name: "test", count: 1)
        )
        let file = DirtyFile(scheduler: fixture.scheduler, blob: fixture.blob, base: nil, spool: full)
        let error = #expect(throws: LocalStoreError.self) { try file.write(pattern(10), at: 0) }
        #expect(error?.errno == ENOSPC)
        #expect(file.size == 0)
    }

    @Test(.enabled(if: geteuid() == 0, "mounts a small tmpfs"))
    func `A full disk hurts nothing that was accepted earlier`() async throws {
        var template = Array("/tmp/blob-writing-full-XXXXXX".utf8CString)
        _ = mkdtemp(&template)
        try #require(mount("tmpfs", template, "tmpfs", 0, "size=256k") == 0)
        defer {
            // Lazily: the file is closed on another thread, perhaps a moment later.
            umount2(template, Int32(MNT_DETACH))
            rmdir(template)
        }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let fixture = try WritingFixture(directory: directory)
        let file = try fixture.makeFile()
        var accepted: [UInt8] = []
        let error = #expect(throws: LocalStoreError.self) {
            while true {
                _ = try file.write(pattern(3000, accepted.count), at: accepted.count)
                accepted += pattern(3000, accepted.count)
            }
        }
        #expect(error?.errno == ENOSPC)
        #expect(accepted.count > 200_000)
        // What the disk took of the last write counts as written, as with any file system.
        let content = try file.content()
        #expect(content.starts(with: accepted))
        try await file.commit()
        #expect(fixture.stored == content)
        _ = try file.truncate(to: 1000)
        #expect(try file.write([1], at: 1000) == .done)
        try await file.commit()
        #expect(fixture.stored == Array(accepted[..<1000]) + [1])
    }

    @Test func `A journal directory is made with its parents, for its owner only`() throws {
        let root = "/tmp/blob-writing-\(UInt64.random(in: 0...UInt64.max))"
        let path = root + "/a/b"
        defer { for directory in [path, root + "/a", root] { rmdir(directory) } }
        let threads = WorkerThreads(name: "test", count: 1)
        let journal = try JournalDirectory(path: path, owner: "account", threads: threads)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        let entry = try journal.makeEntry()
        let written = [1, 2, 3].withUnsafeBytes { entry.data.write($0, at: 5).count }
        entry.remove()
        journal.close()
        #expect(written == 24)
        #expect(throws: LocalStoreError.self) {
            try JournalDirectory(path: "/proc/no/such", owner: "", threads: threads)
        }
    }
}
