internal import FoundationEssentials

/// What a synchronized folder remembers in `.outputfs-sync`: for each name how both sides were when they were alike.
struct SyncMemory: Codable, Sendable {
    static let fileName = ".outputfs-sync"
    private static let format = 1

    struct File: Codable, Sendable, Hashable {
        var byteCount: UInt64
        /// Of the local file, in nanoseconds since the epoch: with the length it spares reading the file.
        var modified: Int64
        var md5: String
        var etag: String
    }

    private var version = Self.format
    /// What the folder was synchronized with.
    var remote: String
    var files: [String: File] = [:]

    init(remote: String) { self.remote = remote }

    /// - Returns: an empty one where there is none, or where it is about another place.
    static func load(from folder: String, remote: String) throws(LocalFileError) -> SyncMemory {
        let path = LocalFolder.joined(folder, fileName)
        guard case .file? = try LocalFolder.kind(of: path) else { return SyncMemory(remote: remote) }
        var bytes: [UInt8] = []
        try LocalFolder.read(path) { bytes.append(contentsOf: $0) }
        guard let memory = try? JSONDecoder().decode(SyncMemory.self, from: Data(bytes)), memory.version == format
        else {
            throw LocalFileError(path, "cannot be understood; without it, files that differ count as conflicts")
        }
        return memory.remote.utf8.elementsEqual(remote.utf8) ? memory : SyncMemory(remote: remote)
    }

    /// Replaces what is there in one step.
    func save(to folder: String) throws(LocalFileError) {
        let path = LocalFolder.joined(folder, Self.fileName)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { throw LocalFileError(path, "cannot be written") }
        try LocalFolder.replace(path, with: Array(data))
    }
}
