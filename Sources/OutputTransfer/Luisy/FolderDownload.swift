internal import BlobStorage
internal import BlobWriting
internal import CLinux
internal import Glibc
internal import LocalStore

/// Fetches an output that is a directory, which is there whole or not at all: luisy takes any directory of the name for a
/// finished output.
struct FolderDownload: Sendable {
    /// A blob, and its path below the folder.
    struct Part: Sendable {
        let relativePath: String
        let address: BlobAddress
        let properties: BlobProperties
    }

    let store: any BlobStore
    let parts: [Part]
    /// Absolute.
    let target: String
    /// A folder or file of the name gives way; else it is an error.
    let replacing: Bool
    let requests: AsyncLimiter
    let disk: WorkerThreads
    let progress: @Sendable (Int) -> Void

    func run() async throws {
        let (target, names) = (target, Set(parts.map { NameBytes($0.relativePath) }))
        let part = try await disk.perform { () throws(LocalFileError) in try PartFolder(for: target, keeping: names) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for file in parts {
                group.addTask {
                    let path = LocalFolder.joined(part.path, file.relativePath)
                    let parent = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? part.path
                    try await disk.perform { () throws(LocalFileError) in try LocalFolder.make(parent) }
                    let download = FileDownload(
                        store: store,
                        address: file.address,
                        target: path,
                        policy: .changed,
                        validates: true,
                        ranges: requests,
                        disk: disk,
                        progress: progress,
                        versionsMax: 1
                    )
                    _ = try await download.run(file.properties)
                }
            }
            try await group.waitForAll()
        }
        let replacing = replacing
        try await disk.perform { () throws(LocalFileError) in try part.finish(replacing: replacing) }
    }
}

/// The hidden folder `.NAME.outputfs-part` beside a target, which becomes the target when all of it is there. What is in it of
/// an earlier try need not be fetched again. One process at a time works on it.
final class PartFolder: Sendable {
    let path: String
    private let target: String
    private let names: Set<NameBytes>
    /// Holds the lock.
    private let descriptor: Int32

    /// - Parameter names: the files that are to be in it; others, left by an earlier try, go.
    init(for target: String, keeping names: Set<NameBytes>) throws(LocalFileError) {
        let path = PartFile.path(for: target)
        let slash = target.utf8.lastIndex(of: UInt8(ascii: "/")) ?? target.startIndex
        try LocalFolder.make(String(target[..<slash]))
        try LocalFolder.make(path)
        descriptor = try Self.openLocked(path)
        (self.target, self.names, self.path) = (target, names, path)
        try sweep("", keepsParts: true)
    }

    deinit { close(descriptor) }

    private static func openLocked(_ path: String) throws(LocalFileError) -> Int32 {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .last(path, "cannot be opened") }
        // Whoever held the lock may have given the folder its final name meanwhile.
        var (opened, named) = (stat(), stat())
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &opened) == 0, lstat(path, &named) == 0,
            opened.st_ino == named.st_ino
        else {
            close(descriptor)
            throw LocalFileError(path, "is being written by another process")
        }
        return descriptor
    }

    /// Removes what is not one of the names; with `keepsParts` not what a download can go on with.
    private func sweep(_ prefix: String, keepsParts: Bool) throws(LocalFileError) {
        for name in try LocalFolder.names(in: LocalFolder.joined(path, prefix)) {
            let file = LocalFolder.joined(path, prefix + name)
            if !LocalFolder.isLink(file), case .folder = try LocalFolder.kind(of: file) {
                try sweep(prefix + name + "/", keepsParts: keepsParts)
                // Goes only if it is empty now.
                rmdir(file)
            } else if !names.contains(NameBytes(prefix + name)) {
                let isPart = name.utf8.suffix(PartFile.suffix.utf8.count).elementsEqual(PartFile.suffix.utf8)
                if !(keepsParts && isPart) { try LocalFolder.removeAll(file) }
            }
        }
    }

    func finish(replacing: Bool) throws(LocalFileError) {
        try sweep("", keepsParts: false)
        if renameat2(AT_FDCWD, path, AT_FDCWD, target, UInt32(clinux_rename_noreplace)) == 0 { return }
        guard errno == EEXIST, replacing else { throw .last(target, "cannot be put in place") }
        if renameat2(AT_FDCWD, path, AT_FDCWD, target, UInt32(clinux_rename_exchange)) == 0 {
            return try LocalFolder.removeAll(path)
        }
        // Two names cannot be exchanged in every file system: then there is none of the name for a moment.
        guard errno == EINVAL else { throw .last(target, "cannot be put in place") }
        let old = path + ".old"
        try LocalFolder.removeAll(old)
        guard rename(target, old) == 0 else { throw .last(target, "cannot be moved away") }
        guard rename(path, target) == 0 else { throw .last(target, "cannot be put in place") }
        try LocalFolder.removeAll(old)
    }
}
