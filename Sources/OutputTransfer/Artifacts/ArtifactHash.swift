internal import Checksums
internal import OutputConventions

/// The two hashes by which azure-ai-ml knows local content; lower-case hexadecimal.
package enum ArtifactHash {
    /// What the object hash begins with.
    static let seed = "Initialize for october 2021 AML CLI version"

    /// The hash that names the folder of an upload: `LocalUpload/<hash>/…`.
    ///
    /// Names and contents follow each other without separators, so different folders can have one hash; it names, and
    /// never proves, what is there.
    package static func object(of folder: ArtifactFolder) throws -> String {
        var hasher = SHA256Hasher()
        hasher.update(seed)
        if folder.isFolder {
            // Not resolved, as the library has it: through a link, anchored rules miss here and hit in the upload.
            try add(
                LocalFolder.absolute(folder.path),
                of: folder,
                within: [NameBytes(folder.resolvedPath)],
                to: &hasher
            )
        } else {
            try add(file: folder.resolvedPath, to: &hasher)
        }
        return hexadecimal(hasher.finish())
    }

    /// The hash that is sent to the service for code (version 202208): count, names, sizes and contents of what is uploaded.
    package static func content(of files: [ArtifactFolder.File]) throws -> String {
        var hasher = SHA256Hasher()
        hasher.update(String(files.count))
        let sorted = files.map { (key: SortKey($0.relativePath), file: $0) }.sorted { $0.key < $1.key }.map(\.file)
        for file in sorted { hasher.update("#\(file.relativePath)#\(file.byteCount)") }
        for file in sorted { try add(file: file.localPath, to: &hasher) }
        return hexadecimal(hasher.finish())
    }

    private static func add(
        _ path: String,
        of folder: ArtifactFolder,
        within: Set<NameBytes>,
        to hasher: inout SHA256Hasher
    ) throws {
        let entries = try LocalFolder.names(in: path).map { (key: SortKey($0), name: $0) }.sorted { $0.key < $1.key }
        for entry in entries {
            let entryPath = LocalFolder.joined(path, entry.name)
            if folder.isIgnored(entryPath) { continue }
            hasher.update(entry.name)
            switch try LocalFolder.kind(of: entryPath) {
            case .file: try add(file: entryPath, to: &hasher)
            case .folder:
                let resolved = try LocalFolder.resolved(entryPath)
                guard !within.contains(NameBytes(resolved)) else {
                    throw LocalFileError(entryPath, "is a link that leads back to itself")
                }
                let next = LocalFolder.isLink(entryPath) ? resolved : entryPath
                try add(next, of: folder, within: within.union([NameBytes(resolved)]), to: &hasher)
            case .other, nil: break
            }
        }
    }

    private static func add(file path: String, to hasher: inout SHA256Hasher) throws(LocalFileError) {
        try LocalFolder.read(path) { hasher.update($0) }
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }, as: UTF8.self)
    }
}
