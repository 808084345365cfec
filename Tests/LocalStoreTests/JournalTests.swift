import Glibc
import Synchronization
import TestSupport
import Testing

@testable import LocalStore

/// The files of the journal: torn logs, failing calls, and who may take what over.
@Suite(.timeLimit(.minutes(1)))
struct JournalTests {
    private let place: TemporaryDirectory
    private let threads = WorkerThreads(name: "test", count: 1)

    init() throws { place = try TemporaryDirectory() }

    private func directory(owner: String = "account", gate: FileGate = FileGate()) throws -> JournalDirectory {
        try JournalDirectory(path: place.path, owner: owner, threads: threads, gate: gate)
    }

    private func write(_ bytes: [UInt8], to entry: JournalEntry, at offset: UInt64 = 0) {
        _ = bytes.withUnsafeBytes { entry.data.write($0, at: offset) }
    }

    @Test func `Records read back in order`() {
        let payloads: [[UInt8]] = [[1], [0], Array(repeating: 7, count: 1000)]
        let log = JournalFraming.magic + JournalFraming.framed(payloads)
        let content = JournalFraming.parse(log)
        #expect(content.payloads == payloads)
        #expect(content.end == log.count && !content.isTorn && content.isReadable)
    }

    @Test func `A log that is replaced on its way to the disk gets there as it is now`() throws {
        let replaced = Mutex<JournalEntry?>(nil)
        let synchronized = Mutex<[String]>([])
        let gate = FileGate(
            verdict: { call in
                // Another thread is done with the file at this moment, and writes its log anew.
                if call == .fsync { try? replaced.withLock { $0.take() }?.replace([[9]]) }
                return .proceed
            },
            synchronized: { path in synchronized.withLock { $0.append(path) } }
        )
        let directory = try directory(gate: gate)
        let entry = try directory.makeEntry()
        try entry.append([[1], [2]])
        replaced.withLock { $0 = entry }
        try entry.synchronizeLog()
        #expect(replaced.withLock { $0 } == nil)
        #expect(try entry.records().payloads == [[9]])
        #expect(synchronized.withLock { $0.contains { $0.hasSuffix(".log") } })
        try entry.append([[10]])
        #expect(try entry.records().payloads == [[9], [10]])
    }

    @Test func `Zeros behind the end, as a loss of power leaves them, are no records`() {
        let log = JournalFraming.magic + JournalFraming.framed([[1, 2]])
        let content = JournalFraming.parse(log + [UInt8](repeating: 0, count: 40))
        #expect(content.payloads == [[1, 2]])
        #expect(content.end == log.count && content.isTorn)
    }

    @Test func `A log cut anywhere gives the records before the cut`() {
        let payloads: [[UInt8]] = [[1, 2, 3], [4], [5, 6]]
        let log = JournalFraming.magic + JournalFraming.framed(payloads)
        for count in 0..<log.count {
            let content = JournalFraming.parse(Array(log[..<count]))
            #expect(payloads.starts(with: content.payloads))
            #expect(content.payloads.count < 3)
        }
    }

    @Test func `A changed byte ends the log before its record, and never more is believed`() {
        let payloads: [[UInt8]] = [[1, 2, 3], [4], [5, 6]]
        let log = JournalFraming.magic + JournalFraming.framed(payloads)
        for index in log.indices {
            var damaged = log
            damaged[index] ^= 0x10
            let content = JournalFraming.parse(damaged)
            #expect(content.isTorn)
            #expect(payloads.starts(with: content.payloads) && content.payloads.count < 3)
        }
    }

    @Test func `Whose a folder is reaches the disk with the first entry that is safe there`() throws {
        let count = Mutex(0)
        let gate = FileGate(verdict: { call in
            if call == .fsync { count.withLock { $0 += 1 } }
            return .proceed
        })
        let journal = try directory(gate: gate)
        for wanted in [4, 6] {
            let entry = try journal.makeEntry()
            try entry.append([[1]])
            try entry.synchronizeLog()
            // The log and its name; once, the owner's line and the folder's name.
            #expect(count.withLock { $0 } == wanted)
        }
    }

    @Test func `A record that the disk refused leaves the log whole, and the next one follows`() throws {
        let verdict = Mutex<FileGate.Verdict>(.proceed)
        let gate = FileGate(verdict: { call in call == .pwrite ? verdict.withLock { $0 } : .proceed })
        let entry = try directory(gate: gate).makeEntry()
        try entry.append([[1]])
        verdict.withLock { $0 = .fail(ENOSPC) }
        let error = #expect(throws: LocalStoreError.self) { try entry.append([[2]]) }
        #expect(error?.errno == ENOSPC)
        verdict.withLock { $0 = .proceed }
        try entry.append([[3], [4]])
        #expect(try entry.records().payloads == [[1], [3], [4]])
    }

    @Test func `What a living process has is left to it, and taken over once when it is gone`() throws {
        let one = try directory()
        let other = try directory()
        let entry = try one.makeEntry()
        write([1, 2, 3], to: entry)
        try entry.append([[9]])
        #expect(try other.survivors { _ in true }.entries.isEmpty)
        #expect(try other.survivors { _ in true }.livingFolders.count == 1)
        one.close()
        let found = try other.survivors { _ in true }
        #expect(found.entries.count == 1)
        #expect(try found.entries[0].entry.records().payloads == [[9]])
        #expect(found.entries[0].owner == "account")
        let third = try directory()
        #expect(try third.survivors { _ in true }.entries.isEmpty)
        found.entries[0].entry.remove()
        #expect(try third.survivors { _ in true }.entries.isEmpty)
    }

    @Test func `What a process that has a successor left is the successor's, and nobody else's`() throws {
        let kept = Mutex<[String: Int32]>([:])
        let succession = { (folders: [String]) in
            JournalSuccession(folders) { folder, lock in
                kept.withLock { $0[folder] = dup(lock) }
            } ended: { folder in
                if let lock = kept.withLock({ $0.removeValue(forKey: folder) }) { close(lock) }
            }
        }
        let make = { (folders: [String]) throws(LocalStoreError) in
            try JournalDirectory(
                path: place.path,
                owner: "account",
                threads: threads,
                succession: succession(folders),
                gate: FileGate()
            )
        }
        // As a process does that is killed: everything is closed, and nothing taken back.
        try {
            let entry = try make([]).makeEntry()
            try entry.append([[1]])
            write([1, 2], to: entry)
        }()
        let stranger = try directory()
        let seen = try stranger.survivors { _ in true }
        #expect(seen.entries.isEmpty && seen.livingFolders.count == 1)
        let folders = kept.withLock { Array($0.keys) }
        let successor = try make(folders)
        let found = try successor.survivors { _ in true }
        #expect(found.entries.count == 1 && found.livingFolders.isEmpty)
        #expect(try found.entries.first?.entry.records().payloads == [[1]])
        found.entries.first?.entry.remove()
        successor.close()
        #expect(kept.withLock { $0.isEmpty } && access(folders[0], F_OK) != 0)
    }

    @Test func `The bytes of another account are left alone`() throws {
        let one = try directory(owner: "mine")
        write([1], to: try one.makeEntry())
        one.close()
        #expect(try directory().survivors { $0 == "yours" }.entries.isEmpty)
        #expect(try directory().survivors { $0 == "mine" }.entries.count == 1)
    }

    @Test func `Nothing is left of a journal in which nothing waits`() throws {
        let one = try directory()
        let entry = try one.makeEntry()
        try entry.append([[1]])
        entry.remove()
        one.close()
        #expect(try directory().survivors { _ in true }.livingFolders.isEmpty)
        #expect(access(place.path + "/" + "m-", F_OK) != 0)
        #expect(rmdir(place.path) == 0)
        #expect(mkdir(place.path, 0o700) == 0)
    }

    @Test func `Bytes without a log are kept, an empty file and a log alone are not`() throws {
        let one = try directory()
        let (full, empty, alone) = (try one.makeEntry(), try one.makeEntry(), try one.makeEntry())
        write([1], to: full)
        try alone.append([[1]])
        unlink(alone.dataPath)
        one.close()
        let found = try directory().survivors { _ in true }
        #expect(found.entries.map(\.entry.id) == [full.id])
        #expect(access(empty.dataPath, F_OK) != 0)
    }

    @Test func `The folder of a newer version is refused and stays`() throws {
        let one = try directory()
        let entry = try one.makeEntry()
        write([1], to: entry)
        one.close()
        let folder = String(entry.dataPath.dropLast("/\(entry.id).data".count))
        let descriptor = open(folder + "/owner", O_WRONLY | O_TRUNC)
        let text = "outputfs journal 99\naccount\n"
        #expect(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
        Glibc.close(descriptor)
        let found = try directory().survivors { _ in true }
        #expect(found.entries.isEmpty)
        #expect(found.problems.first?.reason?.contains("newer version") == true)
        #expect(access(entry.dataPath, F_OK) == 0)
    }

    @Test func `A log that is written anew has the new records only`() throws {
        let entry = try directory().makeEntry()
        try entry.append([[1], [2]])
        try entry.replace([[3]])
        try entry.append([[4]])
        #expect(try entry.records().payloads == [[3], [4]])
    }
}
