/// Which files of a task are uploaded: `filePattern` of Batch's output files, by Batch's own rules for Linux.
///
/// A path, absolute or relative to the task's working directory, whose names may have wildcards (`NameGlob`); `**`
/// stands for any directories, also none. Environment variables (`$NAME`) are put in first.
package struct FilePattern: Sendable, Hashable {
    /// The longest directory in front that has no wildcard; empty for the working directory itself. What is matched is
    /// named relative to it. Of a pattern without wildcards: the file.
    package let base: String
    package let hasWildcard: Bool
    /// Behind the base; the last one is never `.anyDirectories`.
    private let steps: [Step]

    private enum Step: Sendable, Hashable {
        case name(NameGlob)
        case anyDirectories
    }

    /// Why a text is no pattern.
    package struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter variable: the value of an environment variable. One that is not set stays as it is written: the names
    ///   of kinds begin with a dollar sign, too, and `$OUT/*` must not become `/*`.
    package init(_ text: String, variable: (String) -> String?) throws(Problem) {
        let expanded = Self.expanded(text, variable)
        guard !expanded.isEmpty else { throw Problem(description: "a file pattern is not empty") }
        let isAbsolute = expanded.hasPrefix("/")
        let names = expanded.split(separator: "/").filter { $0 != "." }
        let fixed = names.prefix { !NameGlob.isWildcard($0) }
        hasWildcard = fixed.count < names.count
        guard hasWildcard else {
            guard !names.isEmpty, !expanded.hasSuffix("/") else {
                throw Problem(description: "the file pattern names a directory; all files below it are \(expanded)**")
            }
            (base, steps) = ((isAbsolute ? "/" : "") + names.joined(separator: "/"), [])
            return
        }
        base = (isAbsolute ? "/" : "") + fixed.joined(separator: "/")
        var steps: [Step] = []
        for name in names[fixed.endIndex...] {
            guard name != ".." else { throw Problem(description: "'..' stands in front of the first wildcard only") }
            if name == "**" {
                if steps.last != .anyDirectories { steps.append(.anyDirectories) }
            } else {
                steps.append(.name(NameGlob(name)))
            }
        }
        if expanded.hasSuffix("/"), steps.last != .anyDirectories { steps.append(.anyDirectories) }
        if steps.last == .anyDirectories { steps.append(.name(.anything)) }
        self.steps = steps
    }

    /// `$NAME`, with a name of letters, digits and `_` that does not begin with a digit.
    private static func expanded(_ text: String, _ variable: (String) -> String?) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            guard let first = name.first, !first.isNumber, let value = variable(String(name)) else {
                result += "$"
                continue
            }
            result += value
            rest = rest[name.endIndex...]
        }
        return result + rest
    }

    // MARK: Walking

    /// How far a directory below the base has come in the pattern.
    package struct Progress: Sendable, Hashable {
        fileprivate var positions: Set<Int>
    }

    /// At the base.
    package var start: Progress { Progress(positions: reached([0])) }

    /// In the directory of this name; `nil` if nothing below it can match.
    package func entering(_ directory: String, from progress: Progress) -> Progress? {
        var positions: Set<Int> = []
        for position in progress.positions {
            switch steps[position] {
            case .anyDirectories: if NameGlob.anything.matches(directory) { positions.insert(position) }
            case .name(let glob):
                if position + 1 < steps.count, glob.matches(directory) { positions.insert(position + 1) }
            }
        }
        return positions.isEmpty ? nil : Progress(positions: reached(positions))
    }

    /// Whether a directory of this name is gone into by `**` alone: then a link to one is not followed, since it may lead
    /// back to where it stands.
    package func entersByChance(_ directory: String, from progress: Progress) -> Bool {
        !progress.positions.contains { position in
            guard case .name(let glob) = steps[position], position + 1 < steps.count else { return false }
            return glob.matches(directory)
        }
    }

    package func matches(file: String, in progress: Progress) -> Bool {
        guard let last = steps.indices.last, progress.positions.contains(last), case .name(let glob) = steps[last]
        else { return false }
        return glob.matches(file)
    }

    /// Any directories may be none.
    private func reached(_ positions: Set<Int>) -> Set<Int> {
        positions.union(positions.filter { steps[$0] == .anyDirectories }.map { $0 + 1 })
    }
}
