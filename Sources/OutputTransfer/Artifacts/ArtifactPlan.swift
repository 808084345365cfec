internal import BlobStorage

/// What an upload of an artifact finds at its place, and what follows from it.
enum ArtifactPlan: Sendable, Hashable {
    /// All of it is there and confirmed.
    case complete
    /// These files (by index) are missing, or half there; what is there otherwise is right.
    case repair([Int])
    /// Something else is there under the same hash, confirmed: others may refer to it.
    case collision(String)

    /// A blob below the artifact's folder.
    struct Remote: Sendable, Hashable {
        var length: UInt64
        /// Base64, where its writer stored one.
        var md5: String?
    }

    /// A local file, in the order of the upload.
    struct Local: Sendable, Hashable {
        /// Behind the artifact's folder.
        var name: String
        var length: UInt64
        /// Base64; `nil` where nobody needs it, see `needsMD5`.
        var md5: String?
    }

    /// Whether only the MD5 tells if this file is what is there: hashing everything twice would cost as much as sending it.
    static func needsMD5(_ file: Local, remote: [NameBytes: Remote]) -> Bool {
        guard let found = remote[NameBytes(file.name)] else { return false }
        return found.length == file.length && found.md5 != nil
    }

    /// - Parameter isConfirmed: the first file's blob says that the upload was completed.
    init(_ files: [Local], remote: [NameBytes: Remote], isConfirmed: Bool) {
        let names = Set(files.map { NameBytes($0.name) })
        if isConfirmed, let extra = remote.keys.filter({ !names.contains($0) }).map(\.text).min() {
            self = .collision("\(extra) is there, and not here")
            return
        }
        var lacking: [Int] = []
        for (index, file) in files.enumerated() {
            guard let found = remote[NameBytes(file.name)] else {
                lacking.append(index)
                continue
            }
            let isSame = found.length == file.length && (found.md5 == nil || found.md5 == file.md5)
            if isSame { continue }
            if isConfirmed {
                self = .collision("\(file.name) is another file there")
                return
            }
            lacking.append(index)
        }
        self = lacking.isEmpty && isConfirmed ? .complete : .repair(lacking)
    }
}
