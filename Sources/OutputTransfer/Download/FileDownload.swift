package import BlobStorage
internal import BlobWriting
internal import CLinux
internal import FileSystemModel
internal import Glibc
internal import LocalStore
internal import OutputConventions

/// Fetches one blob into one local file, which is there whole or not at all.
struct FileDownload: Sendable {
    enum Outcome: Sendable {
        case fetched
        /// It was there already.
        case kept
    }

    let store: any BlobStore
    let address: BlobAddress
    /// Absolute.
    let target: String
    /// The folder that no link may lead out of; `nil`: none is made, and its text is fetched as that of a file.
    var root: String?
    let policy: OverwritePolicy
    let validates: Bool
    /// Stored modes are restored; times and links always are.
    var usesPosixMetadata = true
    /// Ranges in flight, over all files.
    let ranges: AsyncLimiter
    /// Threads that may wait for the disk.
    let disk: WorkerThreads
    /// Asked when all of it is there and nothing is put in place yet: what throws, leaves the target as it is.
    var mayReplace: @Sendable () throws(LocalFileError) -> Void = {}
    /// Called with each number of bytes that arrived, or were there; with a negative one when they have to come again.
    let progress: @Sendable (Int) -> Void

    /// The longest range that the store computes a checksum for.
    static let rangeByteCount = UInt64(RangeVerification.lengthMax)
    /// How often a blob may be replaced while it is fetched before that counts as a failure; 1: this version or none.
    var versionsMax = 3
    /// Bytes after which it is noted how far the file has come: each time waits for the disk.
    private static let recordByteCount: UInt64 = 1 << 30

    func run(_ known: BlobProperties) async throws -> Outcome {
        var properties = known
        for attempt in 1... {
            do {
                return try await fetch(properties)
            } catch let error as StorageError where error.kind == .conditionFailed && attempt < versionsMax {
                properties = try await store.properties(of: address)
            }
        }
        preconditionFailure("the loop only ends by return or throw")
    }

    private func fetch(_ properties: BlobProperties) async throws -> Outcome {
        let posix = PosixMetadata(properties.metadata)
        if posix.isSymbolicLink, let root { return try await fetchLink(properties, posix, within: root) }
        if try await isThere(properties) {
            progress(Int(properties.length))
            return .kept
        }
        let counted = SharedCount()
        let count: @Sendable (Int) -> Void = { [progress] bytes in
            counted.add(bytes)
            progress(bytes)
        }
        let version = "\(properties.version.etag) \(properties.length)"
        let (target, policy) = (target, policy)
        let facts = PartFile.Facts(
            etag: properties.version.etag,
            modified: posix.modificationTime ?? Timestamp(seconds: properties.version.lastModified),
            permissions: usesPosixMetadata ? posix.permissions : nil
        )
        // As in a mount: for its owner only, unless a mode was stored.
        let isPrivate = ForeachBlob.mayHoldTokens(address.name, in: address.container)
        let part = try await disk.perform { () throws(LocalFileError) in
            try PartFile(for: target, version: version, isPrivate: isPrivate)
        }
        do {
            try await fetch(properties, into: part, count)
            if validates { try await validate(part, properties) }
            try await disk.perform { [mayReplace] () throws(LocalFileError) in
                try mayReplace()
                try part.finish(as: facts, replacing: policy != .never)
            }
        } catch {
            progress(-counted.value)
            // What is worth resuming is kept; `fetch` has noted how much.
            if properties.length <= Self.rangeByteCount || error is DownloadProblem { part.discard() }
            throw error
        }
        return .fetched
    }

    /// Whether what is there spares the download.
    func isThere(_ properties: BlobProperties) async throws -> Bool {
        let posix = PosixMetadata(properties.metadata)
        if posix.isSymbolicLink, root != nil, policy == .changed {
            let target = target
            let modified = posix.modificationTime ?? Timestamp(seconds: properties.version.lastModified)
            return await disk.perform { LocalLink.isThere(target, properties.length, modified) }
        }
        let (target, policy, validates) = (target, policy, validates)
        return try await disk.performInterruptibly { flag throws(LocalFileError) -> Bool in
            switch OverwriteDecision(policy, try LocalFolder.existing(target), properties, validates: validates) {
            case .fetch: return false
            case .keep: return true
            case .compare(let md5): return try SourceFile(target).md5(unless: flag).utf8.elementsEqual(md5.utf8)
            }
        }
    }

    // MARK: Links

    /// A link is a blob of the text that it holds.
    private func fetchLink(
        _ properties: BlobProperties,
        _ posix: PosixMetadata,
        within root: String
    ) async throws -> Outcome {
        let (target, policy) = (target, policy)
        let existing = try await disk.perform { () throws(LocalFileError) in try LocalFolder.existing(target) }
        guard existing == nil || policy != .never else { return .kept }
        let text = try await linkText(properties)
        let modified = posix.modificationTime ?? Timestamp(seconds: properties.version.lastModified)
        let isThere = try await disk.perform { [mayReplace] () throws(LocalFileError) -> Bool in
            if policy == .changed, let there = try LocalLink.text(of: target), there.utf8.elementsEqual(text.utf8) {
                return true
            }
            let isReplacing = policy != .never
            try mayReplace()
            try LocalLink.make(target, to: text, within: root, modified: modified, replacing: isReplacing)
            return false
        }
        progress(Int(properties.length))
        return isThere ? .kept : .fetched
    }

    private func linkText(_ properties: BlobProperties) async throws -> String {
        guard properties.length > 0, properties.length < UInt64(PATH_MAX) else { throw DownloadProblem.noLink(address) }
        let buffer = RangeBuffer(byteCount: Int(properties.length))
        let result = try await ranges.withSlot {
            try Task.checkCancellation()
            return try await store.read(address, 0..<properties.length, .matches(properties.version.etag), into: buffer)
        }
        guard result.byteCount == Int(properties.length) else { throw DownloadProblem.shorter(address) }
        guard let text = String(validating: buffer.bytes[..<result.byteCount], as: UTF8.self) else {
            throw DownloadProblem.noLink(address)
        }
        return text
    }

    // MARK: Ranges

    private func fetch(
        _ properties: BlobProperties,
        into part: PartFile,
        _ count: @escaping @Sendable (Int) -> Void
    ) async throws {
        var fetched = FetchedRanges(prefix: part.resumedCount)
        count(Int(part.resumedCount))
        var recorded = fetched.prefix
        // An append blob only grows: what it had when it was listed stays as it was, under whatever ETag.
        let condition: VersionCondition = properties.type == .append ? .any : .matches(properties.version.etag)
        var next = fetched.prefix
        do {
            try await withThrowingTaskGroup(of: Range<UInt64>.self) { group in
                var running = 0
                while next < properties.length || running > 0 {
                    // One more than the limiter lets through is enough to keep it busy.
                    while next < properties.length, running < Self.rangesPerFileMax {
                        let range = next..<min(next + Self.rangeByteCount, properties.length)
                        group.addTask { try await fetch(range, condition, into: part, count) }
                        (next, running) = (range.upperBound, running + 1)
                    }
                    guard let range = try await group.next() else { break }
                    running -= 1
                    fetched.add(range)
                    // Not at the end: nobody resumes what is all there, and the disk would be waited for.
                    if fetched.prefix - recorded >= Self.recordByteCount, fetched.prefix < properties.length {
                        recorded = fetched.prefix
                        let prefix = recorded
                        await disk.perform { part.record(prefix: prefix) }
                    }
                }
            }
        } catch {
            let prefix = fetched.prefix
            if prefix > recorded { await disk.perform { part.record(prefix: prefix) } }
            throw error
        }
    }

    /// Tasks of one file; what they may fetch at once is the limiter's to say, for all files together.
    private static let rangesPerFileMax = 32

    private func fetch(
        _ range: Range<UInt64>,
        _ condition: VersionCondition,
        into part: PartFile,
        _ count: @escaping @Sendable (Int) -> Void
    ) async throws -> Range<UInt64> {
        try await ranges.withSlot {
            try Task.checkCancellation()
            let buffer = RangeBuffer(byteCount: range.count)
            let result = try await store.read(address, range, condition, into: buffer)
            guard result.byteCount == range.count else { throw DownloadProblem.shorter(address) }
            try await disk.perform { () throws(LocalFileError) in
                try part.write(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<range.count]), at: range.lowerBound)
            }
            count(range.count)
            return range
        }
    }

    // MARK: Validation

    private func validate(_ part: PartFile, _ properties: BlobProperties) async throws {
        guard let stored = properties.contentMD5 else { return }
        let found = try await disk.performInterruptibly { flag throws(LocalFileError) in
            try SourceFile(part.path).md5(unless: flag)
        }
        guard found.utf8.elementsEqual(stored.utf8) else {
            throw DownloadProblem.otherMD5(address, found: found, stored: stored)
        }
    }
}

/// Why what arrived is not what the blob is.
package enum DownloadProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// It ended before its length.
    case shorter(BlobAddress)
    case otherMD5(BlobAddress, found: String, stored: String)
    /// It is marked as a symbolic link, and its bytes are no path.
    case noLink(BlobAddress)

    package var description: String {
        switch self {
        case .shorter(let blob): "\(blob) became shorter while it was fetched"
        case .noLink(let blob): "\(blob) is marked as a link, and holds no path"
        case .otherMD5(let blob, let found, let stored):
            "\(blob) has the MD5 \(found), and its writer stored \(stored): its bytes are not what was written"
        }
    }
}

extension LocalFolder {
    /// The regular file at a path; `nil` where nothing is. A link is not followed: it is replaced.
    static func existing(_ path: String) throws(LocalFileError) -> ExistingFile? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw .last(path, "cannot be looked at")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG:
            var value = [UInt8](repeating: 0, count: 256)
            let count = getxattr(path, PartFile.versionAttribute, &value, value.count)
            return ExistingFile(
                byteCount: UInt64(status.st_size),
                modified: Int64(status.st_mtim.tv_sec),
                etag: count > 0 ? String(decoding: value[..<count], as: UTF8.self) : nil
            )
        case S_IFDIR: throw LocalFileError(path, "is a directory here, and a file in the store")
        default: return ExistingFile(byteCount: .max, modified: 0)
        }
    }
}
