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
