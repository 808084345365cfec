/// `mount.outputfs` and `mount.fuse.outputfs`: what mount(8) starts for a line of fstab. They are links to this program,
/// which sees by its name what it was started as.
///
/// `mount.outputfs SOURCE MOUNTPOINT [-sfnvrw] [-N NAMESPACE] [-t TYPE] [-o LIST]`, as mount(8) documents it under
/// "External helpers".
enum MountHelper {
    static let names: Set<String> = ["mount.outputfs", "mount.fuse.outputfs"]

    /// Sources that name nothing: files or the environment say which account it is.
    private static let placeholders: Set<String> = ["none", "outputfs", "-"]

    /// The arguments of `outputfs`, without its name; `nil` where nothing is to be done (`-f`: everything but mount).
    ///
    /// - Parameter words: as main(3) gets them.
    static func arguments(_ words: [String]) -> [String]? {
        let own = Array(words.dropFirst())
        guard let name = words.first, names.contains(Path.split(name).name) else { return own }
        var (places, options): ([String], [String]) = ([], [])
        var rest = own[...]
        while let word = rest.popFirst() {
            if word.hasPrefix("--") {
                options.append(word)
            } else if word == "-o" || word == "-N" || word == "-t" {
                guard let value = rest.popFirst() else { break }
                if word == "-o" { options += ["-o", value] }
            } else if word.hasPrefix("-o") {
                options.append(word)
            } else if word.hasPrefix("-"), word.count > 1 {
                if word.contains("f") { return nil }
                if word.contains("r") { options += ["-o", "ro"] }
            } else {
                places.append(word)
            }
        }
        if places.count > 1, placeholders.contains(places[0]) { places.removeFirst() }
        return ["mount"] + options + places
    }
}
