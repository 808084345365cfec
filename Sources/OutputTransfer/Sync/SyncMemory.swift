internal import FoundationEssentials

/// What a synchronized folder remembers in `.outputfs-sync`: for each name how both sides were when they were alike.
struct SyncMemory: Sendable {
    static let fileName = ".outputfs-sync"

    struct File: Codable, Sendable, Hashable {
        var byteCount: UInt64
        /// Of the local file, in nanoseconds since the epoch: with the length it spares reading the file.
        var modified: Int64
        var md5: String
        var etag: String
    }

    /// What the folder was synchronized with.
    var remote: String
    var files: [NameBytes: File] = [:]

    init(remote: String) { self.remote = remote }

    /// - Returns: an empty one where there is none, or where it is about another place.
    static func load(from folder: String, remote: String) throws(LocalFileError) -> SyncMemory {
        let path = LocalFolder.joined(folder, fileName)
        guard case .file? = try LocalFolder.kind(of: path) else { return SyncMemory(remote: remote) }
        var bytes: [UInt8] = []
        try LocalFolder.read(path) { bytes.append(contentsOf: $0) }
        guard let memory = try? JSONDecoder().decode(SyncMemory.self, from: Data(bytes)) else {
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

/// Version 2 is a list: the keys of an object are `String` to a decoder, which takes composed and decomposed letters for one
/// name. Version 1 had such an object; it is still read.
extension SyncMemory: Codable {
    private enum Key: String, CodingKey { case version, remote, files }

    private struct Line: Codable {
        let name: String
        let file: File
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        remote = try values.decode(String.self, forKey: .remote)
        switch try values.decode(Int.self, forKey: .version) {
        case 1:
            for (name, file) in try values.decode([String: File].self, forKey: .files) { files[NameBytes(name)] = file }
        case 2:
            for line in try values.decode([Line].self, forKey: .files) { files[NameBytes(line.name)] = line.file }
        case let other:
            throw DecodingError.dataCorruptedError(forKey: .version, in: values, debugDescription: "version \(other)")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(2, forKey: .version)
        try values.encode(remote, forKey: .remote)
        let lines = files.map { Line(name: $0.text, file: $1) }
        try values.encode(
            lines.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) },
            forKey: .files
        )
    }
}
