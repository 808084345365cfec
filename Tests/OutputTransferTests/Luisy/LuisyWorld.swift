import BlobStorage
import Foundation
import OutputConventions
import OutputTransfer
import Synchronization
import TestSupport
import Testing

/// A container of luisy's in memory, and a machine with a working directory.
final class LuisyWorld: Sendable {
    let store: MemoryStore
    private let temporary: TemporaryDirectory

    init(_ store: MemoryStore = MemoryStore(containers: ["luisy"])) throws {
        self.store = store
        temporary = try TemporaryDirectory()
    }

    var folder: String { temporary.path }

    // MARK: The store

    var container: LuisyContainer { LuisyContainer(tree: StoreTree(store: store), container: "luisy", jobs: 8) }

    func address(_ name: String) -> BlobAddress { BlobAddress(container: "luisy", name: name) }

    func blob(_ name: String) -> String? { store.bytes(of: address(name)).map { String(decoding: $0, as: UTF8.self) } }

    func put(_ name: String, _ text: String) { store.add(address(name), Array(text.utf8)) }

    /// A project's manifest in the store.
    func manifest(_ project: String = "demo") throws -> LuisyManifest {
        try LuisyManifest(json: try #require(store.bytes(of: address("\(project)/.luisy.hash"))))
    }

    // MARK: The machine

    func project(_ name: String = "demo") throws -> LuisyProject {
        try LuisyProject(name, in: container, try WorkingDirectory(folder))
    }

    func file(_ name: String) -> String? { try? String(contentsOfFile: folder + "/" + name, encoding: .utf8) }

    func write(_ name: String, _ text: String) throws {
        let url = URL(filePath: folder + "/" + name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    /// Everything in the working directory, hidden files included.
    var files: [String] {
        let all = FileManager.default.enumerator(atPath: folder)?.allObjects.compactMap { $0 as? String } ?? []
        return all.filter { name in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }.sorted()
    }
}

/// What was told of outputs, by their names in the store.
final class LuisyEvents: Sendable {
    private let events = Mutex<[(name: String, kind: TransferEvent.Kind)]>([])

    func note(_ event: TransferEvent) {
        let names = [event.source, event.target]
        let name = names.first { $0.hasPrefix("luisy/") } ?? event.target
        events.withLock { $0.append((String(name.dropFirst("luisy/".count)), event.kind)) }
    }

    func kind(_ name: String) -> TransferEvent.Kind? {
        events.withLock { $0.last { $0.name == name }?.kind }
    }

    var failures: [String] {
        events.withLock { events in
            events.compactMap { if case .failed(let reason) = $0.kind { "\($0.name): \(reason)" } else { nil } }
        }
    }
}

extension LuisyWorld {
    @discardableResult
    func push(
        _ keys: [String] = [],
        hashes: [LuisyKey: String] = [:]
    ) async throws -> (events: LuisyEvents, counters: TransferCounters) {
        let events = LuisyEvents()
        let push = LuisyPush(try project(), LuisyTransferOptions()) { events.note($0) }
        var code = LuisyProject.Code()
        code.hashes = hashes
        _ = try await push.run(code, keys: keys.map { LuisyKey($0) })
        return (events, push.counters)
    }

    @discardableResult
    func pull(
        _ keys: [String] = [],
        hashes: [LuisyKey: String] = [:]
    ) async throws -> (events: LuisyEvents, counters: TransferCounters) {
        let events = LuisyEvents()
        let pull = LuisyPull(try project(), LuisyTransferOptions()) { events.note($0) }
        var code = LuisyProject.Code()
        code.hashes = hashes
        _ = try await pull.run(code, keys: keys.map { LuisyKey($0) })
        return (events, pull.counters)
    }
}
