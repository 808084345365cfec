internal import BlobStorage
internal import OutputConventions

/// An upload of azure-ai-ml as it lies in a container: `LocalUpload/<hash>/<name>`, or that with files below it.
struct StoredArtifact: Sendable, Hashable {
    let container: String
    /// 64 hexadecimal digits. Uploads under other ids are not named by their content.
    let hash: String
    let name: String

    /// Whose file a blob is; `nil` where it is none's.
    init?(_ blob: BlobAddress) {
        let names = blob.name.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 3, omittingEmptySubsequences: false)
        guard names.count >= 3, names[0].elementsEqual("LocalUpload".utf8), Self.isHash(names[1]), !names[2].isEmpty
        else { return nil }
        (container, hash, name) = (blob.container, String(Substring(names[1])), String(Substring(names[2])))
    }

    private static func isHash(_ text: Substring.UTF8View) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let letters = UInt8(ascii: "a")...UInt8(ascii: "f")
        return text.count == 64 && text.allSatisfy { digits.contains($0) || letters.contains($0) }
    }

    /// The folder, or the single file.
    var path: String { "LocalUpload/\(hash)/\(name)" }

    static func == (one: StoredArtifact, other: StoredArtifact) -> Bool {
        one.path.utf8.elementsEqual(other.path.utf8) && one.container.utf8.elementsEqual(other.container.utf8)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(hash)
        hasher.combine(NameBytes(name))
    }

    /// What the object hash is made of, in its order.
    enum Step: Sendable, Hashable {
        case name(String)
        /// The bytes of a file, by its number.
        case bytes(Int)
    }

    /// - Parameters:
    ///   - files: by their names behind the folder; the single file of an artifact that is one has none.
    ///   - rules: those of the ignore file that was uploaded along. What they ignore is not hashed, though links or later
    ///     rules may have had it uploaded: folders are pruned here, and were not there.
    static func steps(_ files: [[String]], rules: IgnoreRules) -> [Step] {
        if files.count == 1, files[0].isEmpty { return [.bytes(0)] }
        let root = Folder()
        for (index, names) in files.enumerated() { root.add(names[...], index) }
        var steps: [Step] = []
        root.collect(at: "", rules, into: &steps)
        return steps
    }

    /// The folders as they were on the disk.
    private final class Folder {
        private var files: [(name: String, index: Int)] = []
        private var folders: [NameBytes: Folder] = [:]

        func add(_ names: ArraySlice<String>, _ index: Int) {
            guard let name = names.first else { return }
            guard names.count > 1 else { return files.append((name, index)) }
            let folder = folders[NameBytes(name)] ?? Folder()
            folders[NameBytes(name)] = folder
            folder.add(names.dropFirst(), index)
        }

        func collect(at path: String, _ rules: IgnoreRules, into steps: inout [Step]) {
            let entries =
                files.map { (key: SortKey($0.name), name: $0.name, file: Optional($0.index)) }
                + folders.keys.map { (key: SortKey($0.text), name: $0.text, file: nil) }
            for entry in entries.sorted(by: { $0.key < $1.key }) {
                let below = path.isEmpty ? entry.name : path + "/" + entry.name
                if rules.ignores(below) { continue }
                steps.append(.name(entry.name))
                if let file = entry.file {
                    steps.append(.bytes(file))
                } else {
                    folders[NameBytes(entry.name)]?.collect(at: below, rules, into: &steps)
                }
            }
        }
    }
}
