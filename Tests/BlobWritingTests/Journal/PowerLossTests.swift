import BlobStorage
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import BlobWriting
@testable import LocalStore

/// A disk that keeps what was synchronized apart from what was only written, and loses its power between any two calls.
///
/// What was only written may have reached the disk or not, each file and each name by itself: chance decides.
private final class Disk: Sendable {
    private struct State {
        var left: Int
        var contents: [String: Data] = [:]
        var names: [String: Set<String>] = [:]
    }

    let root: String
    private let state: Mutex<State>

    /// `calls`: after how many calls the power goes.
    init(root: String, calls: Int) {
        self.root = root
        state = Mutex(State(left: calls))
    }

    var gate: FileGate {
        FileGate(
            verdict: { _ in
                self.state.withLock { state in
                    state.left -= 1
                    return state.left >= 0 ? .proceed : .fail(EIO)
                }
            },
            synchronized: { self.note(($0 as NSString).standardizingPath) }
        )
    }

    var isOff: Bool { state.withLock { $0.left < 0 } }

    private func note(_ path: String) {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return }
        if isDirectory.boolValue {
            let names = Self.names(in: path)
            state.withLock { $0.names[path] = names }
        } else {
            let content = FileManager.default.contents(atPath: path)
            state.withLock { $0.contents[path] = content }
        }
    }

    private static func names(in path: String) -> Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
    }

    /// What another life of the machine finds, in a directory of its own.
    func afterLossOfPower(in place: String, _ random: inout SeededRandom) throws {
        try copy(root, place, state.withLock { $0 }, &random)
    }

    private func copy(_ source: String, _ target: String, _ state: State, _ random: inout SeededRandom) throws {
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        let safe = state.names[source] ?? []
        for name in Self.names(in: source).union(safe).sorted() {
            guard safe.contains(name) || Bool.random(using: &random) else { continue }
            let (old, new) = ("\(source)/\(name)", "\(target)/\(name)")
            var isDirectory: ObjCBool = false
            let isThere = FileManager.default.fileExists(atPath: old, isDirectory: &isDirectory)
            if isDirectory.boolValue {
                try copy(old, new, state, &random)
                continue
            }
            let written = isThere ? FileManager.default.contents(atPath: old) : nil
            // The file's length may be on the disk without its bytes.
            let unsafe = [written, written.map { Data(count: $0.count) }, Data()].compactMap(\.self)
            let kept = state.contents[old]
            // Or, behind what was synchronized, with zeros in place of what was only written.
            let longer = kept.flatMap { kept in written.map { kept + Data(count: max(0, $0.count - kept.count)) } }
            let content = [kept.map { [$0] } ?? unsafe, [written, longer].compactMap(\.self)].joined().randomElement(
                using: &random
            )
            try (content ?? Data()).write(to: URL(fileURLWithPath: new))
        }
    }
}

/// What close or fsync answered for with `--durability journal` outlives a loss of power, whenever that comes.
@Suite(.timeLimit(.minutes(2)))
struct PowerLossTests {
    private let place: TemporaryDirectory
    private let store = MemoryStore(containers: ["c"])
    private let blob = BlobAddress(container: "c", name: "f")

    init() throws { place = try TemporaryDirectory() }

    private func scheduler(_ path: String, _ gate: FileGate = FileGate()) throws -> UploadScheduler {
        var configuration = UploadConfiguration(journalDirectory: path)
        (configuration.blockSize, configuration.singlePutMax) = (1024, 1024)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let threads = WorkerThreads(name: "test", count: 1)
        let journal = try JournalDirectory(path: path, owner: "a", threads: threads, gate: gate)
        return try UploadScheduler(store: store, configuration: configuration, logger: logger, journal: journal)
    }

    @Test(arguments: [false, true])
    func `Whenever the power goes, what was reported safe is published, and nothing else`(isEdit: Bool) async throws {
        let seed = testSeed()
        var random = SeededRandom(seed: seed)
        let original = pattern(4000, 9)
        for trial in 0..<4 {
            var count = 0
            while true {
                let base = store.add(blob, original)
                if !isEdit { store.remove(blob) }
                let disk = Disk(root: "\(place.path)/\(trial)-\(count)", calls: count)
                let (reported, possible) = await work(disk, isEdit ? base : nil, isEdit ? original : [])
                let survived = "\(place.path)/\(trial)-\(count)-after"
                try disk.afterLossOfPower(in: survived, &random)
                let published = try await recover(survived)
                let story = "seed \(seed), trial \(trial), the power went after \(count) calls"
                if let reported {
                    #expect(published, "\(story): nothing was published")
                    let stored = store.bytes(of: blob)
                    #expect(stored == reported || possible.contains { $0 == stored }, "\(story): other bytes")
                } else if published {
                    let stored = store.bytes(of: blob)
                    #expect(possible.contains { $0 == stored }, "\(story): never made by the program")
                }
                guard disk.isOff else { break }
                count += 1
            }
            #expect(count > 10)
        }
    }

    /// Writes and reports, twice, with an upload that begins in between and one write behind it. What was reported safe
    /// last, and all that the file was since then.
    private func work(
        _ disk: Disk,
        _ base: BlobVersion?,
        _ original: [UInt8]
    ) async -> (reported: [UInt8]?, possible: [[UInt8]]) {
        var reported: [UInt8]?
        var model = original
        var possible: [[UInt8]] = []
        guard let first = try? scheduler(disk.root, disk.gate) else { return (nil, []) }
        defer { first.journal.close() }
        do {
            let file = try DirtyFile(
                scheduler: first,
                blob: blob,
                base: base.map { BlobProperties(version: $0, length: 4000) },
                known: base.map { .version($0.etag) } ?? .absent
            )
            for (offset, length) in [(0, 1500), (1500, 700), (2600, 50)] {
                let bytes = pattern(length, offset + 1)
                model += [UInt8](repeating: 0, count: max(0, offset + length - model.count))
                model.replaceSubrange(offset..<offset + length, with: bytes)
                possible.append(model)
                _ = try file.write(bytes, at: offset)
                // The last write is followed by nothing.
                guard offset < 2600 else { break }
                try await file.persist(BlobHeaders())
                (reported, possible) = (model, [])
                await file.noteDue(BlobHeaders())
            }
        } catch {}
        return (reported, possible)
    }

    /// Publishes what another life of the kernel would; whether there was anything.
    private func recover(_ path: String) async throws -> Bool {
        let second = try scheduler(path)
        defer { second.journal.close() }
        var isPublished = false
        for survivor in try second.journal.survivors({ _ in true }).entries {
            guard let file = try? RecoveredFile(survivor, bootID: "another"), file.duty == .publish else { continue }
            let local = DirtyFile(scheduler: second, recovered: file)
            switch try await local.judge(known: file.replay.identity.known) {
            case .done: break
            case .upload(let condition): try await local.commit(condition)
            case .conflict(let reason): Issue.record("a conflict: \(reason)")
            }
            local.discard()
            isPublished = true
        }
        return isPublished
    }
}
