/// Which names are files' and which are folders', by the paths of the files.
struct FilesAndFolders: Sendable {
    private var files: Set<NameBytes> = []
    private var folders: Set<NameBytes> = []

    init(_ paths: [String]) {
        for path in paths {
            files.insert(NameBytes(path))
            // A folder that is known brings those above it.
            for folder in Self.foldersAbove(path) where !folders.insert(folder).inserted { break }
        }
    }

    /// Why a file cannot have a path; `nil` where it can.
    func obstacle(to path: String) -> String? {
        if folders.contains(NameBytes(path)) { return "a folder has its name there" }
        if let file = Self.foldersAbove(path).first(where: files.contains) {
            return "the folder that it is in is a file there: \(file.text)"
        }
        return nil
    }

    /// From the innermost on.
    private static func foldersAbove(_ path: String) -> some Sequence<NameBytes> {
        sequence(state: path.utf8[...]) { rest in
            guard let slash = rest.lastIndex(of: UInt8(ascii: "/")) else { return nil }
            rest = rest[..<slash]
            return NameBytes(String(Substring(rest)))
        }
    }
}
