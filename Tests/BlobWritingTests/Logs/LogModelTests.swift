import BlobStorage
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BlobWriting
@testable import LocalStore

/// Several writers, lost answers, and processes that are killed: every line is there once, and each writer's are in order.
@Suite(.timeLimit(.minutes(3)))
struct LogModelTests {
    @Test func `random stories with faults and kills neither lose a line nor double one`() async throws {
        var random = SeededRandom(seed: testSeed())
        for _ in 0..<100 {
            var story = try LogStory()
            for _ in 0..<40 { try await story.step(&random) }
            try await story.end()
        }
    }

    @Test(arguments: [false, true])
    func `the n-th request of a log fails, for every n, before or after it did its work`(takesEffect: Bool) async throws
    {
        var n = 1
        while true {
            var story = try LogStory()
            try await story.write()
            await story.commit()
            try await story.appendElsewhere()
            story.store.fail(call: n, error: .test(.unavailable, .persistent), takesEffect: takesEffect)
            try await story.write()
            await story.commit()
            let wasReached = story.lastCommitFailed
            story.store.removeFaults()
            try await story.write()
            try await story.end()
            n += 1
            if !wasReached, n > 8 { return }
        }
    }

    @Test(arguments: [false, true])
    func `killed after the n-th request, the next process sends what is missing and nothing twice`(
        takesEffect: Bool
    ) async throws {
        for n in 1...24 {
            var story = try LogStory()
            for _ in 0..<3 {
                try await story.write()
                await story.commit()
            }
            // From the n-th request on nothing is answered.
            story.store.fail(call: n, error: .test(.unavailable, .persistent), takesEffect: takesEffect)
            for _ in 0..<6 where !story.lastCommitFailed {
                try await story.write()
                try await story.appendElsewhere()
                await story.commit()
            }
            try await story.write()
            story.store.removeFaults()
            try await story.kill()
            try await story.end()
        }
    }
}

/// One log in the store: a local file that is sent now and then, and somebody elsewhere.
private struct LogStory {
    let place: TemporaryDirectory
    let store = MemoryStore(containers: ["c"])
    let blob = BlobAddress(container: "c", name: "t/$TaskLog/log.txt")
    var scheduler: UploadScheduler
    /// One, but while no process lives.
    var open: [DirtyFile]
    var file: DirtyFile { open[0] }
    var ours = 0
    var theirs = 0
    var lastCommitFailed = false

    init() throws {
        place = try TemporaryDirectory()
        scheduler = try Self.makeScheduler(place.path, store)
        open = [try DirtyFile(scheduler: scheduler, blob: blob, base: nil, known: .absent, log: .absent)]
    }

    private static func makeScheduler(_ path: String, _ store: MemoryStore) throws -> UploadScheduler {
        var configuration = UploadConfiguration(journalDirectory: path)
        configuration.journalOwner = "a"
        configuration.appendBlockCountMax = 12
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try UploadScheduler(store: store, configuration: configuration, logger: logger)
    }

    mutating func step(_ random: inout SeededRandom) async throws {
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<5: try await write()
        case 5..<8: await commit()
        case 8: try await appendElsewhere()
        case 9:
            store.fail(
                call: Int.random(in: 1...6, using: &random),
                error: .test(.unavailable, .persistent),
                takesEffect: Bool.random(using: &random)
            )
        case 10:
            if let found = store.storedProperties(of: blob) { _ = await file.adoptGrowth(found) }
        default:
            store.removeFaults()
            try await kill()
        }
    }

    mutating func write() async throws {
        try await file.append("o\(ours)\n")
        ours += 1
    }

    mutating func commit() async {
        do {
            _ = try await file.commit(headers: BlobHeaders(), condition: .any)
            lastCommitFailed = false
        } catch { lastCommitFailed = true }
    }

    mutating func appendElsewhere() async throws {
        // A log that was made without an answer, and to which others appended before the process was killed, is taken
        // for somebody else's: its bytes are kept, and in nobody's log.
        // And what is appended to one that is just being put again stands before what comes back (SEED=16002746034314272952).
        let isStanding = file.state.withLock { state in
            state.log.map { $0.plan.position.start == .standing && $0.compactor == nil } ?? false
        }
        guard isStanding else { return }
        guard let length = store.storedProperties(of: blob)?.length else { return }
        // Theirs is not to fail, nor to be counted among ours.
        do {
            _ = try await store.append(UploadBody(Array("t\(theirs)\n".utf8)), to: blob, at: length)
            theirs += 1
        } catch {
            let text = store.bytes(of: blob).map { String(decoding: $0, as: UTF8.self) } ?? ""
            if text.hasSuffix("t\(theirs)\n") { theirs += 1 }
        }
    }

    /// The process is gone; another one takes over what it left.
    mutating func kill() async throws {
        open = []
        scheduler.journal.close()
        // A process that is really gone writes nothing any more, and has nothing open: not its folder's lock either.
        while isEntryOpen { try await Task.sleep(for: .milliseconds(1)) }
        scheduler = try Self.makeScheduler(place.path, store)
        var next: DirtyFile?
        let survivors = try scheduler.journal.survivors({ _ in true }).entries.map { try RecoveredFile($0) }
        for left in RecoveredFile.joined(survivors) {
            guard left.duty != .none else {
                left.entry.remove()
                continue
            }
            #expect(left.duty == .publish)
            let local = DirtyFile(scheduler: scheduler, recovered: left)
            switch try await local.judge(known: left.replay.identity.known) {
            case .conflict(let reason): Issue.record("a conflict: \(reason)")
            case .done: local.discard()
            case .upload(let condition):
                _ = try await local.commit(headers: left.replay.headers ?? BlobHeaders(), condition: condition)
                next = local
            }
        }
        if let next {
            open = [next]
        } else if let found = store.storedProperties(of: blob) {
            open = [try DirtyFile(scheduler: scheduler, blob: blob, base: found)]
        } else {
            open = [try DirtyFile(scheduler: scheduler, blob: blob, base: nil, known: .absent, log: .absent)]
        }
    }

    private var isEntryOpen: Bool {
        (0..<1024).contains { descriptor in
            var target = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
            guard count > 0 else { return false }
            let path = String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return path.hasPrefix(place.path) && (path.contains(".data") || path.contains(".log"))
        }
    }

    mutating func end() async throws {
        store.removeFaults()
        _ = try await file.commit(headers: BlobHeaders(), condition: .any)
        let bytes = store.bytes(of: blob) ?? []
        if let found = store.storedProperties(of: blob) { _ = await file.adoptGrowth(found) }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(lines.filter { $0.hasPrefix("o") } == (0..<ours).map { "o\($0)" })
        #expect(lines.filter { $0.hasPrefix("t") } == (0..<theirs).map { "t\($0)" })
        #expect(file.size == UInt64(bytes.count))
        #expect(try file.content(base: bytes) == bytes)
    }
}
