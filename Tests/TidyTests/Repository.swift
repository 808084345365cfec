import Foundation

/// The checkout that these tests are part of.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A file of ours: its path from the root, and its lines.
    struct File {
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    }

    /// All files below a folder with one of these extensions; what building made is passed over.
    static func files(below folder: String, extensions: Set<String>) throws -> [File] {
        let start = root.appending(path: folder)
        guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else { return [] }
        var files: [File] = []
        for case let url as URL in walk {
            if [".build", ".git", "__pycache__"].contains(url.lastPathComponent) { walk.skipDescendants() }
            guard extensions.contains(url.pathExtension) else { continue }
            let path = String(url.path.dropFirst(root.path.count + 1))
            files.append(File(path: path, text: try String(contentsOf: url, encoding: .utf8)))
        }
        return files.sorted { $0.path < $1.path }
    }

    static func file(_ path: String) throws -> File {
        File(path: path, text: try String(contentsOf: root.appending(path: path), encoding: .utf8))
    }

    static func swiftFiles(below folder: String) throws -> [File] { try files(below: folder, extensions: ["swift"]) }
}
