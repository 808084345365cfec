internal import Glibc

extension SourceFile {
    /// Throws unless the file that is at its path now is the one that was looked at: bytes that somebody wrote here since
    /// then must not be replaced by fetched ones.
    func requireInPlace(isLink: Bool) throws(LocalFileError) {
        var status = stat()
        guard (isLink ? lstat(path, &status) : stat(path, &status)) == 0 else {
            throw .last(path, "went away meanwhile")
        }
        guard FileStamp(status) == stamp else {
            throw LocalFileError(path, "was changed here meanwhile; neither side was touched")
        }
    }

    /// The same of a path where nothing was.
    static func requireNothing(at path: String) throws(LocalFileError) {
        var status = stat()
        guard lstat(path, &status) != 0 else {
            throw LocalFileError(path, "was made here meanwhile; neither side was touched")
        }
    }
}
