import BlobStorage
import Glibc
import OutputConventions
import TestSupport
import Testing

@testable import OutputTransfer

/// Folders that go up and come down, many files at a time, and transfers that are broken off.
@Suite(.timeLimit(.minutes(1)))
struct TransferTests {
    private let place: TemporaryDirectory

    init() throws { place = try TemporaryDirectory() }

    private var local: String { "\(place.path)/local" }

    /// Small ones, and one of several blocks and ranges.
    private func makeFiles(_ count: Int) throws {
        for number in 0..<count {
            let bytes = [UInt8](
                repeating: UInt8(truncatingIfNeeded: number),
                count: number == 0 ? 9 << 20 : number * 100
            )
            try LocalFolder.make("\(local)/d\(number % 7)")
            try Self.write(bytes, to: "\(local)/d\(number % 7)/f\(number)")
        }
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        try #require(file >= 0)
        defer { close(file) }
        try #require(bytes.isEmpty || Glibc.write(file, bytes, bytes.count) == bytes.count)
    }

    private static func bytes(of path: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try LocalFolder.read(path) { bytes.append(contentsOf: $0) }
        return bytes
    }

    private static func upload(_ tree: StoreTree, _ source: String) async throws -> TransferCounters {
        let upload = Upload(tree: tree, options: UploadOptions()) { _ in }
        try await upload.run([source], to: try await tree.target(["containers", "vault"]), isNamed: false)
        return upload.counters
    }

    private static func download(_ tree: StoreTree, to destination: String) -> Download {
        Download(tree: tree, to: destination, options: DownloadOptions()) { _ in }
    }

    @Test func `a folder that goes up comes down as it was`() async throws {
        try makeFiles(60)
        let tree = StoreTree(store: StoreRouter(MemoryStore(containers: ["vault"])))
        let sent = try await Self.upload(tree, local)
        #expect(sent.done == 60 && sent.failed == 0 && sent.doneBytes == sent.foundBytes)
        let fetched = "\(place.path)/fetched"
        let download = Self.download(tree, to: fetched)
        #expect(try await download.run([try TreePattern("containers/vault")]).isEmpty)
        let counters = download.counters
        #expect(counters.done == 60 && counters.failed == 0 && counters.doneBytes == counters.foundBytes)
        for number in 0..<60 {
            let name = "d\(number % 7)/f\(number)"
            #expect(try Self.bytes(of: "\(local)/\(name)") == Self.bytes(of: "\(fetched)/\(name)"))
        }
        let again = try await Self.upload(tree, local)
        #expect(again.kept == 60 && again.done == 0)
    }

    @Test func `a download of more files than may wait ends when it is broken off`() async throws {
        let store = MemoryStore(containers: ["vault"])
        // More than the 5,000 that may wait, by a pattern that each of them fits.
        for number in 0..<12_000 { store.add(BlobAddress(container: "vault", name: "f\(number)"), [1]) }
        store.hold(.read)
        let download = Self.download(StoreTree(store: store), to: "\(place.path)/fetched")
        let pattern = try TreePattern("containers/vault/f*")
        let task = Task { try await download.run([pattern]) }
        await store.waitUntilHeld(.read, count: 4)
        task.cancel()
        store.release(.read)
        let result = await task.result
        #expect(throws: (any Error).self) { try result.get() }
        #expect(download.counters.done < 12_000)
    }

    @Test func `what is kept for its digest is looked at until that is broken off`() async throws {
        try LocalFolder.make(local)
        let path = "\(local)/sparse"
        try Self.write([], to: path)
        // Twenty minutes of MD5.
        try #require(truncate(path, 1 << 40) == 0)
        let store = MemoryStore(containers: ["vault"])
        store.add(BlobAddress(container: "vault", name: "sparse")) { properties in
            (properties.length, properties.contentMD5) = (1 << 40, "1B2M2Y8AsgTpgAmY7PhCfg==")
        }
        let tree = StoreTree(store: store)
        let task = Task { [local] in try await Self.upload(tree, local) }
        while store.count(of: .properties) == 0 { await Task.yield() }
        // Most likely it reads by then; if not, it ends all the same.
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        let result = await task.result
        #expect(throws: CancellationError.self) { try result.get() }
    }

    /// The store would find the checksum wrong, and be asked again until the deadline of a commit.
    @Test(arguments: [1, 300 << 10])
    func `bytes that change between their checksum and their way end the request`(count: Int) throws {
        try LocalFolder.make(local)
        let path = "\(local)/changing"
        try Self.write([UInt8](repeating: 1, count: count), to: path)
        let source = try SourceFile(path)
        let body = try source.body(0..<UInt64(count), nil)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
        defer { room.deallocate() }
        func send() -> Int {
            var sent = 0
            while sent < count, let more = body.read(sent, room) { sent += more }
            return sent
        }
        #expect(send() == count)
        // Of the same length, and at a later time, whatever the file system's clock makes of so short a while.
        try Self.write([UInt8](repeating: 2, count: count), to: path)
        var times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: 0, tv_nsec: 0)]
        try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
        #expect(send() < count)
    }
}
