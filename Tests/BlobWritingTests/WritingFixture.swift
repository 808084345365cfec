import BlobStorage
import Checksums
import Glibc
import LocalStore
import Logging
import TestSupport
import Testing

@testable import BlobWriting

/// A scheduler over a store in memory, with a spool of its own that goes away with it. Blocks of 1 KiB; the
/// store copies what is longer than 300 bytes.
final class WritingFixture: Sendable {
    let store = MemoryStore(containers: ["c"])
    let scheduler: UploadScheduler
    let directory: String
    let blob = BlobAddress(container: "c", name: "f")

    init(directory: String? = nil, change: (inout UploadConfiguration) -> Void = { _ in }) throws {
        var template = Array("/tmp/blob-writing-XXXXXX".utf8CString)
        if directory == nil { _ = mkdtemp(&template) }
        let path = directory ?? String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var configuration = UploadConfiguration(journalDirectory: path)
        configuration.blockSize = 1024
        configuration.singlePutMax = 1024
        configuration.copyMin = 300
        change(&configuration)
        self.directory = path
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        scheduler = try UploadScheduler(store: store, configuration: configuration, logger: logger)
    }

    deinit { removeTree(directory) }

    func makeFile(_ blob: BlobAddress? = nil, base: BlobProperties? = nil) throws -> DirtyFile {
        try DirtyFile(scheduler: scheduler, blob: blob ?? self.blob, base: base)
    }

    /// The content of the blob that the file became.
    var stored: [UInt8]? { store.bytes(of: blob) }
}

extension DirtyFile {
    func write(_ bytes: [UInt8], at offset: Int) throws -> WriteOutcome {
        try bytes.withUnsafeBytes { try write($0, at: UInt64(offset)) }
    }

    @discardableResult
    func commit(_ condition: VersionCondition = .any) async throws(CommitError) -> CommittedFile {
        try await commit(headers: BlobHeaders(), condition: condition)
    }

    /// The whole file as a reader sees it, with the base's part out of `base`.
    func content(base: [UInt8] = []) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for segment in segments(of: 0..<size) {
            switch segment {
            case .base(let range): bytes += base[Int(range.lowerBound)..<Int(range.upperBound)]
            case .hole(let range): bytes += [UInt8](repeating: 0, count: range.count)
            case .local(let range):
                var piece = [UInt8](repeating: 0xEE, count: range.count)
                try piece.withUnsafeMutableBytes { try readLocal(range, into: $0) }
                bytes += piece
            }
        }
        return bytes
    }
}

/// Bytes that differ from place to place.
func pattern(_ count: Int, _ seed: Int = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 31 &+ ($0 >> 8)) }
}

extension WritingFixture {
    /// A block of another program, with an id of so many bytes.
    static func block(_ number: Int, idByteCount: Int = 24, _ bytes: [UInt8]) -> (id: BlockID, bytes: [UInt8]) {
        let id = (0..<idByteCount).map { UInt8(truncatingIfNeeded: number >> (8 * min($0, 7))) }
        return (BlockID(base64: Base64.encode(id)), bytes)
    }

    /// A blob as some program may have left it: of one piece, or of blocks of any lengths with ids of any length, some
    /// of them twice; with leftovers or without.
    func addBase(byteCountMax: Int, _ random: inout SeededRandom) -> [UInt8] {
        let bytes = pattern(Int.random(in: 0...byteCountMax, using: &random), 3)
        guard Int.random(in: 0..<4, using: &random) > 0 else {
            store.add(blob, bytes)
            return bytes
        }
        let idByteCount = [3, 8, 12, 20, 20, 48, 64].randomElement(using: &random) ?? 20
        var (blocks, position) = ([(id: BlockID, bytes: [UInt8])](), 0)
        while position < bytes.count {
            let longest = Bool.random(using: &random) ? 100 : 3000
            let count = min(Int.random(in: 1...longest, using: &random), bytes.count - position)
            let part = Array(bytes[position..<position + count])
            blocks.append(Self.block(blocks.count, idByteCount: idByteCount, part))
            position += count
        }
        if let twice = blocks.randomElement(using: &random), Bool.random(using: &random) { blocks.append(twice) }
        store.add(blob, blocks: blocks)
        return blocks.flatMap(\.bytes)
    }

    var md5OfStored: String? { stored.map { Base64.encode(md5($0)) } }
}

/// A journal and what is left in it: a directory with folders of files.
func removeTree(_ path: String) {
    guard let stream = opendir(path) else {
        unlink(path)
        return
    }
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != ".", name != ".." { removeTree("\(path)/\(name)") }
    }
    closedir(stream)
    rmdir(path)
}
