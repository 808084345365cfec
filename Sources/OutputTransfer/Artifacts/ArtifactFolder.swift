package import OutputConventions

/// A local file or folder as azure-ai-ml would upload it: which files, under which names, and under which ignore rules.
package struct ArtifactFolder: Sendable {
    /// A file of the upload.
    package struct File: Sendable, Hashable {
        /// Where its bytes are, links followed; where a link goes up as one, the link itself.
        package let localPath: String
        /// Its name below the folder, links by their own names; the file's own name for a single file.
        package let relativePath: String
        package let byteCount: Int
        /// It goes up as a link.
        let isLink: Bool

        init(localPath: String, relativePath: String, byteCount: Int, isLink: Bool = false) {
            (self.localPath, self.relativePath) = (localPath, relativePath)
            (self.byteCount, self.isLink) = (byteCount, isLink)
        }
    }

    /// As it was given.
    package let path: String
    /// Without links.
    let resolvedPath: String
    package let isFolder: Bool
    /// Which file the rules come from; `nil`: none, nothing is ignored.
    package let ignoreFile: String?
    package let rules: IgnoreRules
    /// Links that stay below the folder are uploaded as links; azure-ai-ml uploads what they lead to.
    private let keepsLinks: Bool

    /// - Parameter ignoreFile: instead of the `.amlignore` or `.gitignore` in the folder.
    package init(_ path: String, ignoreFile: String? = nil) throws {
        try self.init(path, keepsLinks: false) { folder in try ignoreFile ?? Self.ignoreFile(in: folder) }
    }

    /// Everything in it, for uploads that are no artifacts.
    ///
    /// - Parameter keepsLinks: those that stay below the folder are files of their own, and not what they lead to.
    package init(all path: String, keepsLinks: Bool = false) throws {
        try self.init(path, keepsLinks: keepsLinks) { _ in nil }
    }

    private init(_ path: String, keepsLinks: Bool, rulesOf folder: (String) throws -> String?) throws {
        (self.path, self.keepsLinks) = (path, keepsLinks)
        resolvedPath = try LocalFolder.resolved(path)
        switch try LocalFolder.kind(of: resolvedPath) {
        case .folder: isFolder = true
        case .file: isFolder = false
        case .other, nil: throw LocalFileError(path, "is neither a file nor a folder")
        }
        ignoreFile = isFolder ? try folder(resolvedPath) : nil
        rules = try ignoreFile.map(Self.rules) ?? IgnoreRules()
    }

    private static func ignoreFile(in folder: String) throws(LocalFileError) -> String? {
        for name in IgnoreRules.fileNames {
            let path = LocalFolder.joined(folder, name)
            if try LocalFolder.kind(of: path) != nil { return path }
        }
        return nil
    }

    private static func rules(in file: String) throws -> IgnoreRules {
        var bytes: [UInt8] = []
        try LocalFolder.read(file) { bytes.append(contentsOf: $0) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw LocalFileError(file, "is not UTF-8") }
        do {
            return try IgnoreRules(text)
        } catch {
            throw LocalFileError(file, "cannot be used: \(error)")
        }
    }

    /// The name of the folder or file in the store: that of what a link leads to.
    package var name: String { Self.lastPart(resolvedPath) }

    /// What is uploaded, in azure-ai-ml's order (by local path): the first one carries the confirmation.
    ///
    /// - Parameter problem: is told of what cannot be uploaded; by default it ends the walk.
    package func files(_ problem: (LocalFileError) throws -> Void = { throw $0 }) throws -> [File] {
        guard isFolder else {
            guard case .file(let byteCount) = try LocalFolder.kind(of: resolvedPath) else {
                throw LocalFileError(path, "is no file any more")
            }
            return [File(localPath: resolvedPath, relativePath: name, byteCount: byteCount)]
        }
        var files: [File] = []
        try collect(resolvedPath, shownAs: "", depth: 0, within: [], into: &files, problem)
        return files.sorted { one, other in
            let order = (one.localPath.unicodeScalars, other.localPath.unicodeScalars)
            if order.0.elementsEqual(order.1) {
                return one.relativePath.unicodeScalars.lexicographicallyPrecedes(other.relativePath.unicodeScalars)
            }
            return order.0.lexicographicallyPrecedes(order.1)
        }
    }

    /// Links to folders are followed, but for those that are kept.
    ///
    /// - Parameters:
    ///   - depth: below the uploaded folder, or below the one that the last link led to: further up a kept link must
    ///     not lead, since what is there is not uploaded with it.
    ///   - within: the folders above, without links, to end where one leads back up.
    private func collect(
        _ folder: String,
        shownAs prefix: String,
        depth: Int,
        within: Set<NameBytes>,
        into files: inout [File],
        _ problem: (LocalFileError) throws -> Void
    ) throws {
        let (resolved, names): (String, [String])
        do throws(LocalFileError) {
            resolved = try LocalFolder.resolved(folder)
            names = try LocalFolder.names(in: resolved)
        } catch { return try problem(error) }
        guard !within.contains(NameBytes(resolved)) else {
            return try problem(LocalFileError(folder, "is a link that leads back to itself"))
        }
        for name in names {
            let path = LocalFolder.joined(resolved, name)
            let isLink = LocalFolder.isLink(path)
            if isLink, keepsLinks, let text = try LocalLink.text(of: path), LinkTarget.staysInside(text, depth: depth) {
                let count = text.utf8.count
                files.append(File(localPath: path, relativePath: prefix + name, byteCount: count, isLink: true))
                continue
            }
            switch try LocalFolder.kind(of: path) {
            case .folder:
                try collect(
                    path,
                    shownAs: prefix + name + "/",
                    depth: isLink ? 0 : depth + 1,
                    within: within.union([NameBytes(resolved)]),
                    into: &files,
                    problem
                )
            case .file(let byteCount):
                guard !isIgnored(path) else { continue }
                // The folder is without links already: asking again is a call for each name of the path.
                let localPath = isLink ? try LocalFolder.resolved(path) : path
                files.append(File(localPath: localPath, relativePath: prefix + name, byteCount: byteCount))
            case .other:
                guard !isIgnored(path) else { continue }
                try problem(LocalFileError(path, "is neither a file nor a folder"))
            case nil:
                guard !isIgnored(path) else { continue }
                try problem(LocalFileError(path, "is a link that leads nowhere"))
            }
        }
    }

    /// The folders in which nothing is, by their names below this one.
    package func emptyFolders() throws -> [String] {
        var found: [String] = []
        var open = [""]
        while let prefix = open.popLast() {
            let folder = prefix.isEmpty ? resolvedPath : LocalFolder.joined(resolvedPath, prefix)
            let names = try LocalFolder.names(in: folder)
            if names.isEmpty, !prefix.isEmpty { found.append(prefix) }
            for name in names {
                let path = LocalFolder.joined(folder, name)
                // Links to folders count by what is behind them, and may lead back.
                guard !LocalFolder.isLink(path), case .folder = try LocalFolder.kind(of: path) else { continue }
                open.append(prefix.isEmpty ? name : prefix + "/" + name)
            }
        }
        return found
    }

    /// Whether the rules ignore an absolute path. They are anchored at the folder without links, as the library has it.
    func isIgnored(_ absolutePath: String) -> Bool {
        rules.ignores(Self.relative(absolutePath, to: resolvedPath))
    }

    /// The way from `base` to `path`, with `..` where it lies elsewhere; both absolute.
    static func relative(_ path: String, to base: String) -> String {
        let parts = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        let baseParts = base.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        let common = zip(parts, baseParts).prefix { $0.0.utf8.elementsEqual($0.1.utf8) }.count
        let steps = Array(repeating: "..", count: baseParts.count - common) + parts[common...]
        return steps.isEmpty ? "." : steps.joined(separator: "/")
    }

    private static func lastPart(_ path: String) -> String {
        path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? ""
    }
}
