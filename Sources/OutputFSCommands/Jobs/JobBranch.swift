internal import OutputTransfer

/// A folder of `jobs tree`, or a file.
struct JobBranch: Codable, Sendable {
    var name: String
    /// Of a file its size, of a folder that of all files below. In bytes.
    var bytes: UInt64
    /// Of a folder: files at any depth below.
    var files: Int?
    /// Of a folder; none where it lies as deep as is shown.
    var entries: [JobBranch]?
    /// Entries of a folder that are not shown.
    var hidden: Int?

    init(_ folder: JobOutline.Folder, named name: String) {
        self.name = name
        (bytes, files) = (folder.bytes, folder.files)
        entries = folder.entries.map { name, entry in
            switch entry {
            case .file(let byteCount): JobBranch(file: name, byteCount)
            case .folder(let folder): JobBranch(folder, named: name)
            }
        }
        if folder.hidden > 0 { hidden = folder.hidden }
    }

    private init(file name: String, _ byteCount: UInt64) { (self.name, bytes) = (name, byteCount) }

    var drawing: String {
        var lines: [String] = []
        draw(ahead: "", into: &lines)
        return (["/\(line)"] + lines).joined(separator: "\n")
    }

    private var line: String {
        guard let files else { return "\(name)  \(HumanUnits.bytes(bytes))" }
        return "\(name)/  (\(files) file\(files == 1 ? "" : "s"), \(HumanUnits.bytes(bytes)))"
    }

    private func draw(ahead: String, into lines: inout [String]) {
        let entries = entries ?? []
        for (index, entry) in entries.enumerated() {
            let isLast = index == entries.count - 1 && hidden == nil
            lines.append(ahead + (isLast ? "└── " : "├── ") + entry.line)
            entry.draw(ahead: ahead + (isLast ? "    " : "│   "), into: &lines)
        }
        if let hidden { lines.append("\(ahead)└── … and \(hidden) more") }
    }
}
