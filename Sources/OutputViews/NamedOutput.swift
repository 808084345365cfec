import BlobStorage
import OutputConventions

/// One named output of a run, in one of the places where outputs may be: a folder as a rule, or a single file.
struct NamedOutput: Sendable {
    /// The name that it has among those of its own place.
    let shown: String
    /// What it is called where another place's output has that name.
    let text: String
    /// Where it is from.
    let label: String
    let target: GatheredEntry.Target

    /// - Parameters:
    ///   - items: a level of the folder `part`.
    ///   - label: names the place.
    static func all(among items: [ListedItem], in part: Gatherer.Part, label: String) -> [NamedOutput] {
        let folder = TreePlace.folder(.runs, container: part.container, prefix: part.prefix)
        let slash = UInt8(ascii: "/")
        var folders: [NamedOutput] = []
        var files: [(name: String, properties: BlobProperties)] = []
        var seen: Set<TreePlace> = []
        func addFolder(_ prefix: String) {
            guard let shown = folder.shown(prefix: prefix), seen.insert(shown.place).inserted else { return }
            let text = String(Substring(prefix.utf8.dropFirst(part.prefix.utf8.count).dropLast()))
            folders.append(NamedOutput(shown: shown.name, text: text, label: label, target: .directory(shown.place)))
        }
        for item in items {
            switch item {
            case .prefix(let prefix, _): addFolder(prefix)
            case .blob(let name, let properties):
                // The folder's own marker.
                if name.utf8.elementsEqual(part.prefix.utf8), properties.length == 0 { continue }
                if properties.marksDirectory(name) {
                    addFolder(name.utf8.last == slash ? name : name + "/")
                } else {
                    files.append((name, properties))
                }
            }
        }
        return folders
            + files.compactMap { file in
                let isShadowed = folder.shown(prefix: file.name + "/").map { seen.contains($0.place) } ?? false
                let shown = isShadowed ? folder.shadowed(blob: file.name) : folder.shown(blob: file.name)
                guard let shown else { return nil }
                let text = String(Substring(file.name.utf8.dropFirst(part.prefix.utf8.count)))
                // A name that is too long for one file goes on in a directory.
                guard !shown.place.isDirectory else {
                    guard seen.insert(shown.place).inserted else { return nil }
                    return NamedOutput(shown: shown.name, text: text, label: label, target: .directory(shown.place))
                }
                let target = GatheredEntry.Target.file(shown.place, file.properties)
                return NamedOutput(shown: shown.name, text: text, label: label, target: target)
            }
    }
}
