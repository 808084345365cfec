internal import Glibc
internal import Synchronization

/// The files that hold the bodies of a data directory: `content/<two digits>/<id>`, each written once.
///
/// A file may go only after the journal no longer names it on disk, or a crash would leave a blob without its bytes:
/// freed extents are noted here, and deleted when the journal has reached the disk.
final class ContentDirectory: Sendable {
    private let path: String
    private let retired = Mutex<[UInt64]>([])

    /// Makes the directories; nil if that fails.
    init?(path: String) {
        self.path = path
        guard makeDirectory(path) else { return nil }
        for shard in 0..<256 {
            guard makeDirectory(path + "/" + Self.shardName(UInt64(shard))) else { return nil }
        }
    }

    private static func shardName(_ id: UInt64) -> String {
        let shard = Int(id & 255)
        return String(decoding: [hexadecimalDigits[shard >> 4], hexadecimalDigits[shard & 15]], as: UTF8.self)
    }

    private func shardPath(_ id: UInt64) -> String {
        path + "/" + Self.shardName(id)
    }

    private func filePath(_ id: UInt64) -> String {
        shardPath(id) + "/" + String(id)
    }

    /// A new file's descriptor; negative on failure.
    func create(_ id: UInt64) -> Int32 {
        Glibc.open(filePath(id), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    }

    func open(_ id: UInt64) -> Int32 {
        Glibc.open(filePath(id), O_RDONLY | O_CLOEXEC)
    }

    /// The file's length; nil if there is none.
    func length(of id: UInt64) -> Int? {
        var status = stat()
        return stat(filePath(id), &status) == 0 ? Int(status.st_size) : nil
    }

    /// Makes the file's name as durable as its bytes.
    func synchronize(_ id: UInt64) -> Bool {
        synchronizeDirectory(shardPath(id))
    }

    func retire(_ id: UInt64) {
        retired.withLock { $0.append(id) }
    }

    /// What may be deleted once all that the journal holds now is on disk.
    func takeRetired() -> [UInt64] {
        retired.withLock { ids in
            defer { ids.removeAll(keepingCapacity: true) }
            return ids
        }
    }

    func delete(_ ids: [UInt64]) {
        for id in ids { unlink(filePath(id)) }
    }

    /// The ids of all files, for the sweep after a crash.
    func allIDs() -> [UInt64] {
        (0..<256).flatMap { shard in
            fileNames(in: shardPath(UInt64(shard))).compactMap { UInt64($0) }
        }
    }
}

func makeDirectory(_ path: String) -> Bool {
    mkdir(path, 0o700) == 0 || errno == EEXIST
}

func synchronizeDirectory(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return fsync(descriptor) == 0
}

private func fileNames(in path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        names.append(
            withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
        )
    }
    return names
}
