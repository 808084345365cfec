package import OutputConventions

/// A path of the tree, perhaps with wildcards: `jobs/film/tasks/*/TaskLog`, `jobs/film/**/*.csv`.
///
/// `*`, `?` and `[…]` stay within one name, `**` stands for any number of folders, `\` makes the next character literal.
package struct TreePattern: Sendable {
    enum Part: Sendable {
        case name(String)
        case pattern(NamePattern)
        case anyDepth
    }

    /// As it was given.
    package let text: String
    /// The names before the first wildcard.
    let base: [String]
    /// From the first wildcard on; empty for a plain path.
    let rest: [Part]

    /// A slash at the beginning or the end, `.`, and doubled slashes say nothing.
    package init(_ text: String) throws(BadPattern) {
        self.text = text
        var parts: [Part] = []
        for name in text.unicodeScalars.split(separator: "/") where !name.elementsEqual(".".unicodeScalars) {
            if name.elementsEqual("..".unicodeScalars) {
                throw BadPattern(reason: "a path of the tree goes down from its root, without ..")
            }
            parts.append(try Self.part(name))
        }
        let count = parts.prefix { if case .name = $0 { true } else { false } }.count
        base = parts[..<count].compactMap { if case .name(let name) = $0 { name } else { nil } }
        rest = Array(parts[count...])
    }

    private static func part(_ name: Substring.UnicodeScalarView) throws(BadPattern) -> Part {
        if name.elementsEqual("**".unicodeScalars) { return .anyDepth }
        guard name.contains(where: { $0 == "*" || $0 == "?" || $0 == "[" || $0 == "\\" }) else {
            return .name(String(Substring(name)))
        }
        return .pattern(try NamePattern(name))
    }

    /// The names, where there is no wildcard.
    package var plainPath: [String]? { rest.isEmpty ? base : nil }

    /// Whether names below the base fit what follows it, to their end.
    func fits(_ names: [String]) -> Bool {
        // All places that the names so far can have led to: no backtracking, however many `**` there are.
        var places = reached(from: [0])
        for name in names {
            var next: Set<Int> = []
            for place in places where place < rest.count {
                switch rest[place] {
                case .anyDepth: next.insert(place)
                case .name(let wanted): if wanted.utf8.elementsEqual(name.utf8) { next.insert(place + 1) }
                case .pattern(let pattern): if pattern.matches(name) { next.insert(place + 1) }
                }
            }
            places = reached(from: next)
        }
        return places.contains(rest.count)
    }

    /// `**` may also stand for nothing.
    private func reached(from places: Set<Int>) -> Set<Int> {
        var all = places
        for place in rest.indices where all.contains(place) {
            if case .anyDepth = rest[place] { all.insert(place + 1) }
        }
        return all
    }
}
