internal import BlobStorage
internal import BlobWriting
internal import FuseBinding
internal import Glibc
internal import LocalStore
internal import Logging

/// What `--export` says about each file that it wrote.
struct ExportedFile: Codable, Sendable, Equatable {
    var id: String
    /// The account, or the container.
    var owner: String?
    var container: String?
    var blob: String?
    /// Below the directory; `nil` when it could not be written.
    var file: String?
    /// In bytes.
    var size: UInt64
    var state: String
    /// First byte and end of what is only in the store: there the file has zeros.
    var missing: [[UInt64]]
    /// What went wrong.
    var error: String?
}

extension RecoverySession {
    /// Writes everything out as files, and `manifest.json` beside them. What is only in the store is fetched, with
    /// credentials, if the version is still there; else it is left as a hole and named. The journal keeps everything.
    func export(to directory: String, from source: StorageSource?) throws {
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure(.cannotCreate, "\(directory) cannot be made: \(Errno())")
        }
        let logger = Logger(label: "recover") { _ in SwiftLogNoOpLogHandler() }
        let uploads = try source.map { try Composition.uploads(to: $0, journalDirectory: self.directory, logger) }
        var exported = files.map { file in
            let isOurs = source.map { file.owner.utf8.elementsEqual($0.journalOwner.utf8) } ?? false
            return Self.write(file, to: directory, isOurs ? uploads : nil)
        }
        exported += unreadable.map { Self.write($0, to: directory) }
        let manifest = Path.join(directory, "manifest.json")
        let text = Array((try JSONText.of(exported) + "\n").utf8)
        let descriptor = open(manifest, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFailure(.cannotCreate, "\(manifest): \(Errno())") }
        defer { close(descriptor) }
        guard System.write(text, to: descriptor) else { throw CommandFailure(.cannotCreate, "\(manifest): \(Errno())") }
        let incomplete = exported.filter { $0.error != nil || !$0.missing.isEmpty }.count
        Terminal.print("\(exported.count) files in \(directory), \(incomplete) of them not whole; see manifest.json")
    }

    private static func write(_ file: RecoveredFile, to directory: String, _ uploads: UploadScheduler?) -> ExportedFile
    {
        let blob = file.replay.identity.blob
        var exported = ExportedFile(
            id: file.name,
            owner: file.owner,
            container: blob.container,
            blob: blob.name,
            size: file.size,
            state: state(of: file),
            missing: []
        )
        var segments = file.segments(of: 0..<file.size)
        if let uploads {
            let local = DirtyFile(scheduler: uploads, recovered: file)
            exported.error = PlainThread.wait {
                do throws(CommitError) {
                    try await local.fetchMissing()
                    return nil
                } catch { return error.description }
            }
            segments = local.segments(of: 0..<file.size)
        }
        exported.missing = segments.compactMap {
            if case .base(let range) = $0 { [range.lowerBound, range.upperBound] } else { nil }
        }
        let name = file.name + ending(of: blob.name)
        do throws(LocalStoreError) {
            try copy(segments, of: file.entry.data, size: file.size, to: Path.join(directory, name))
            exported.file = name
        } catch { exported.error = error.description }
        return exported
    }

    private static func write(_ file: RecoveredFile.Unreadable, to directory: String) -> ExportedFile {
        var exported = ExportedFile(id: file.name, size: file.size, state: file.reason, missing: [])
        let threads = WorkerThreads(name: "export", count: 1)
        let source = open(file.dataPath, O_RDONLY | O_CLOEXEC)
        let name = file.name + ".data"
        do throws(LocalStoreError) {
            guard source >= 0 else { throw LocalStoreError(errno: errno, operation: "open", path: file.dataPath) }
            let data = SpoolFile(descriptor: source, path: file.dataPath, threads: threads)
            try copy([.local(0..<file.size)], of: data, size: file.size, to: Path.join(directory, name))
            exported.file = name
        } catch { exported.error = error.description }
        return exported
    }

    /// Never over a file that is there.
    private static func copy(
        _ segments: [Segment],
        of data: SpoolFile,
        size: UInt64,
        to path: String
    ) throws(LocalStoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LocalStoreError(errno: errno, operation: "open", path: path) }
        let target = SpoolFile(descriptor: descriptor, path: path, threads: WorkerThreads(name: "export", count: 1))
        try target.truncate(to: size)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        for segment in segments {
            guard case .local(let range) = segment else { continue }
            for start in stride(from: range.lowerBound, to: range.upperBound, by: buffer.count) {
                let count = Int(min(UInt64(buffer.count), range.upperBound - start))
                let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                try data.read(into: piece, at: start)
                if let failure = target.write(UnsafeRawBufferPointer(piece), at: start).failure { throw failure }
            }
        }
        try target.synchronize()
    }

    /// The last part of the blob's name, as far as any file system takes it: the id alone is unique.
    private static func ending(of name: String) -> String {
        let last = name.utf8.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let plain = last.unicodeScalars.map { $0.value > 0x20 && $0.value < 0x7F ? Character($0) : "_" }
        return plain.isEmpty ? "" : "-" + String(plain.suffix(100))
    }
}
