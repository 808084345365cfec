internal import Glibc
internal import OutputConventions

/// A local file that a pattern matches.
struct MatchingFile: Sendable, Equatable {
    /// To be opened.
    var path: String
    /// Below the pattern's base; of a pattern without wildcards the file's name.
    var relativePath: String
}

extension FilePattern {
    /// The regular files that match, in the order of their paths; none is no error. What cannot be looked into is left out.
    ///
    /// Links to files count as files. `**` does not go through links to directories, which may lead back to where they
    /// stand; a name of the pattern does.
    func matchingFiles(in workingDirectory: String) -> [MatchingFile] {
        let path = base.hasPrefix("/") ? base : base.isEmpty ? workingDirectory : Path.join(workingDirectory, base)
        guard hasWildcard else {
            guard FileKind(path, followsLinks: true) == .file else { return [] }
            return [MatchingFile(path: path, relativePath: Path.split(path).name)]
        }
        guard let root = System.canonicalPath(path) else { return [] }
        var found: [MatchingFile] = []
        var directories: [(path: String, relative: String, progress: Progress)] = [(root, "", start)]
        while let directory = directories.popLast() {
            for name in System.names(in: directory.path) {
                let path = Path.join(directory.path, name)
                let relative = directory.relative + name
                switch FileKind(path, followsLinks: true) {
                // A name that is no text cannot be a blob's: what is not found under it is told when it is to be read.
                case .other where !name.unicodeScalars.contains("\u{FFFD}"): continue
                case .file, .other:
                    if matches(file: name, in: directory.progress) {
                        found.append(MatchingFile(path: path, relativePath: relative))
                    }
                case .directory:
                    guard let progress = entering(name, from: directory.progress) else { continue }
                    let isLink = FileKind(path, followsLinks: false) != .directory
                    if isLink, entersByChance(name, from: directory.progress) { continue }
                    directories.append((path, relative + "/", progress))
                }
            }
        }
        return found.sorted { $0.relativePath.utf8.lexicographicallyPrecedes($1.relativePath.utf8) }
    }
}

/// What a path is, as far as uploads care: pipes and devices have no end.
private enum FileKind {
    case file
    case directory
    case other

    init(_ path: String, followsLinks: Bool) {
        var status = stat()
        let answer = followsLinks ? stat(path, &status) : lstat(path, &status)
        switch answer == 0 ? status.st_mode & S_IFMT : 0 {
        case S_IFREG: self = .file
        case S_IFDIR: self = .directory
        default: self = .other
        }
    }
}
