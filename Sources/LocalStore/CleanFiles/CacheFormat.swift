internal import Glibc

/// What marks a directory as a disk cache of this format, and says that the file system can keep one.
enum CacheFormat {
    private static let fileName = "format"
    /// What a new file system's top directory holds.
    private static let harmless: Set = [fileName, UsageCounter.fileName, probeName, "lost+found"]
    private static let probeName = "probe"

    private static func text(cellSize: Int) -> String {
        "outputfs disk cache, format \(CleanFileHeader.format), cells of \(cellSize) bytes\n"
    }

    /// Checks the mark, or makes it in an empty directory: `true` then. Anything else is refused: the files of
    /// another program, or version, are not ours to remove.
    static func prepare(_ folder: CacheFolder, cellSize: Int) throws(LocalStoreError) -> Bool {
        func refusal(_ number: Int32, _ reason: String) -> LocalStoreError {
            LocalStoreError(errno: number, operation: "open", path: folder.path, reason: reason)
        }
        func checkIsEmpty() throws(LocalStoreError) {
            guard try folder.names(in: ".").allSatisfy({ harmless.contains($0) }) else {
                throw refusal(ENOTEMPTY, "holds other files and is no disk cache: name an empty directory")
            }
        }
        if try folder.status(fileName) == nil { try checkIsEmpty() }
        guard let file = try folder.open(fileName, creates: true) else { throw refusal(ENOENT, "is gone") }
        // Another process may be making the mark now.
        guard try file.lockSoon(0, .exclusive) else { throw refusal(EAGAIN, "is locked by another process") }
        let expected = text(cellSize: cellSize)
        let found = try read(file)
        if found == expected { return false }
        // A part of it: the process died over it, before it made anything else.
        guard expected.hasPrefix(found) else {
            let line = found.split(separator: "\n").first ?? ""
            throw refusal(EINVAL, "is not in this version's format (\(line)): empty it, or name another directory")
        }
        try checkIsEmpty()
        try folder.makePrivate()
        try checkHoles(folder)
        var mark = expected
        let written = mark.withUTF8 { bytes in
            Result { () throws(LocalStoreError) in
                try file.write(UnsafeRawBufferPointer(bytes), at: 0)
                // Before anything else is in the directory: without the mark it would be refused.
                try file.synchronize()
            }
        }
        try written.get()
        return true
    }

    private static func read(_ file: OpenFile) throws(LocalStoreError) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let count = text.withUnsafeMutableBytes { bytes in
            Result { () throws(LocalStoreError) in try file.read(into: bytes, at: 0) }
        }
        return String(decoding: text[..<(try count.get())], as: UTF8.self)
    }

    /// A block is evicted by punching a hole into its file.
    private static func checkHoles(_ folder: CacheFolder) throws(LocalStoreError) {
        guard let file = try folder.open(probeName, creates: true) else { return }
        try folder.remove(probeName)
        try file.truncate(to: 8_192)
        do { try file.punchHole(0..<4_096) } catch {
            guard error.errno == EOPNOTSUPP else { throw error }
            throw LocalStoreError(
                errno: EOPNOTSUPP,
                operation: error.operation,
                path: folder.path,
                reason: "lies on a file system that cannot punch holes into files: name another directory"
            )
        }
    }
}
