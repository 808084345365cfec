import AzureBlob
import BlobEmulator
import BlobStorage
import BlobWriting
import LocalStore
import Logging
import TestSupport
import Testing

/// Files that are changed in place, over each kind of storage: what the writer takes for granted is what the service does.
@Suite(.timeLimit(.minutes(5)))
struct EditContract {
    @Test(arguments: StorageUnderTest.available.filter { $0 != .memoryWithOddListings })
    func `random edits of a blob leave exactly the model's bytes`(storage: StorageUnderTest) async throws {
        var random = SeededRandom(seed: testSeed())
        try await Bench.run(storage) { bench in
            for round in 0..<4 {
                let name = "edit-\(round)"
                var model = try await addBase(bench, name, isBlocks: round % 2 == 0, &random)
                let editor = try Editor(bench.store)
                for _ in 0..<3 {
                    let properties = try await bench.store.properties(of: bench.address(name))
                    let file = try DirtyFile(scheduler: editor.scheduler, blob: bench.address(name), base: properties)
                    for _ in 0..<3 {
                        for _ in 0..<4 { try change(file, &model, &random) }
                        _ = try await file.commit(headers: BlobHeaders(), condition: .any)
                        let read = try await model.isEmpty ? [] : bench.read(name, 0..<UInt64(model.count)).bytes
                        #expect(read == model)
                    }
                    #expect(try await bench.store.blockList(of: bench.address(name)).uncommitted == [])
                    file.discard()
                }
            }
        }
    }

    @Test(arguments: StorageUnderTest.available.filter { $0 != .memoryWithOddListings })
    func `a copy with a change is the source with the change`(storage: StorageUnderTest) async throws {
        var random = SeededRandom(seed: testSeed())
        try await Bench.run(storage) { bench in
            var model = try await addBase(bench, "source", isBlocks: true, &random)
            let source = try await bench.store.properties(of: bench.address("source"))
            let editor = try Editor(bench.store)
            let file = try DirtyFile(scheduler: editor.scheduler, blob: bench.address("copy"), base: nil)
            #expect(try file.copy(0..<source.length, of: bench.address("source"), source) == .done)
            for _ in 0..<3 { try change(file, &model, &random) }
            _ = try await file.commit(headers: BlobHeaders(contentType: "text/plain"), condition: .absent)
            #expect(try await bench.read("copy", 0..<UInt64(model.count)).bytes == model)
            #expect(try await bench.store.properties(of: bench.address("copy")).contentType == "text/plain")
            file.discard()
        }
    }

    /// §3.11
    @Test(arguments: [false, true])
    func `an append of 1 KiB to 1 GiB moves less than 64 KiB`(isOneBlock: Bool) async throws {
        let emulator = try Emulator(EmulatorConfiguration())
        emulator.start()
        let account = StorageAccount(
            name: EmulatorAccount.development.name,
            endpoint: try BlobEndpoint(emulator.endpoint)
        )
        let store = try AzureBlobStore(
            account: account,
            credential: .sharedKey(Secret(EmulatorAccount.development.key)),
            configuration: AzureBlobStoreConfiguration(),
            logger: Logger(label: "edit")
        )
        _ = try await store.createContainer("edit", metadata: [:])
        let bench = Bench(store: store, container: "edit")
        // One block of 16 MiB, and 63 copies of it that cost no memory.
        let part = [UInt8](repeating: 0x5A, count: 16 << 20)
        _ = try await store.putBlob(bench.address("part"), UploadBody(part), headers: BlobHeaders(), condition: .any)
        for number in 0..<64 {
            try await store.putBlock(
                Self.id(number),
                of: bench.address("large"),
                from: bench.address("part"),
                range: 0..<16 << 20,
                sourceCondition: .any
            )
        }
        _ = try await bench.commit((0..<64).map { .latest(Self.id($0)) }, of: "large")
        // One block 64 times has an id that nobody can name again with certainty: the service copies.
        if isOneBlock { _ = try await bench.commit((0..<64).map { _ in .latest(Self.id(1)) }, of: "large") }
        let name = "large"
        let properties = try await store.properties(of: bench.address(name))
        #expect(properties.length == 1 << 30)
        let editor = try Editor(store) { configuration in
            (configuration.blockSize, configuration.singlePutMax, configuration.copyMin) = (8 << 20, 8 << 20, 256 << 10)
        }
        let before = store.counters
        let file = try DirtyFile(scheduler: editor.scheduler, blob: bench.address(name), base: properties)
        let line = [UInt8](repeating: 7, count: 1024)
        #expect(try line.withUnsafeBytes { try file.write($0, at: 1 << 30) } == .done)
        _ = try await file.commit(headers: BlobHeaders(), condition: .matches(properties.version.etag))
        let after = store.counters
        let moved = after.bytesSent - before.bytesSent + after.bytesReceived - before.bytesReceived
        #expect(moved < 64 << 10, "\(moved) bytes")
        let end = try await bench.read(name, 1 << 30 - 1..<1 << 30 + 1024).bytes
        #expect(end == [0x5A] + line)
        file.discard()
        emulator.stop()
    }

    // MARK: Parts

    private static func id(_ number: Int) -> BlockID {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        return BlockID(base64: "AAAAAAAAAAAAAA\(letters[number / 62])\(letters[number % 62])")
    }

    /// Up to 600,000 bytes, of one piece or of blocks of any length.
    private func addBase(
        _ bench: Bench,
        _ name: String,
        isBlocks: Bool,
        _ random: inout SeededRandom
    ) async throws -> [UInt8] {
        let count = Int.random(in: 100_000...600_000, using: &random)
        let seed = Int.random(in: 0..<256, using: &random)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 31 &+ ($0 >> 8)) }
        guard isBlocks else {
            let body = UploadBody(bytes)
            _ = try await bench.store.putBlob(bench.address(name), body, headers: BlobHeaders(), condition: .any)
            return bytes
        }
        var (position, blocks) = (0, 0)
        while position < count {
            let part = bytes[position..<min(count, position + .random(in: 1...60_000, using: &random))]
            try await bench.store.putBlock(Self.id(blocks), of: bench.address(name), UploadBody(Array(part)))
            (position, blocks) = (part.endIndex, blocks + 1)
        }
        try await bench.commit((0..<blocks).map { .latest(Self.id($0)) }, of: name)
        return bytes
    }

    private func change(_ file: DirtyFile, _ model: inout [UInt8], _ random: inout SeededRandom) throws {
        let place = Int.random(in: 0...model.count, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            #expect(try file.truncate(to: UInt64(place)) == .done)
            model.removeSubrange(place...)
        case 1:
            let size = model.count + Int.random(in: 0...100_000, using: &random)
            #expect(try file.truncate(to: UInt64(size)) == .done)
            model += [UInt8](repeating: 0, count: size - model.count)
        case 2:
            let end = min(model.count, place + .random(in: 1...50_000, using: &random))
            #expect(try file.zero(UInt64(place)..<UInt64(end), extends: false) == .done)
            for index in place..<end { model[index] = 0 }
        default:
            let start = Bool.random(using: &random) ? model.count : place
            let bytes = [UInt8](
                repeating: .random(in: 1...255, using: &random),
                count: .random(in: 1...9000, using: &random)
            )
            #expect(try bytes.withUnsafeBytes { try file.write($0, at: UInt64(start)) } == .done)
            model += [UInt8](repeating: 0, count: max(0, start + bytes.count - model.count))
            model.replaceSubrange(start..<start + bytes.count, with: bytes)
        }
    }
}

/// Uploads with small blocks, and a journal of their own.
private struct Editor {
    let directory: TemporaryDirectory
    let scheduler: UploadScheduler

    init(_ store: any BlobStore, change: (inout UploadConfiguration) -> Void = { _ in }) throws {
        directory = try TemporaryDirectory()
        var configuration = UploadConfiguration(journalDirectory: directory.path)
        (configuration.blockSize, configuration.singlePutMax, configuration.copyMin) = (32 << 10, 32 << 10, 4 << 10)
        change(&configuration)
        scheduler = try UploadScheduler(store: store, configuration: configuration, logger: Logger(label: "edit"))
    }
}
