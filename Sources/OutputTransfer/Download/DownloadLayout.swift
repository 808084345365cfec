/// Which part of a file's path in the tree it keeps below the destination.
package enum DownloadLayout: Sendable, Hashable {
    /// What is below the source; with wildcards, what they stand for.
    case belowSource
    /// All of it.
    case wholePath
    /// All but these names at its beginning.
    case stripping([String])

    /// - Throws: where the path does not begin so.
    func names(of match: StoreTree.Match) throws(TreeError) -> [String] {
        switch self {
        case .belowSource: return Array(match.path.dropFirst(match.baseCount))
        case .wholePath: return match.path
        case .stripping(let names):
            let isBelow =
                match.path.count >= names.count && zip(match.path, names).allSatisfy { NameBytes($0) == NameBytes($1) }
            guard isBelow else { throw TreeError(match.path, .notBelow(names)) }
            let rest = Array(match.path.dropFirst(names.count))
            // A file needs a name, also where it is all of what is stripped.
            if rest.isEmpty, case .file = match.found { return match.path.suffix(1) }
            return rest
        }
    }
}
