/// One pattern of an ignore file, compared with whole paths.
///
/// A pattern without a slash, or with one only at its end, holds at any depth; others are anchored to the root. It matches an
/// entry and everything below it; with a slash at its end only what is below.
struct PathPattern: Sendable {
    private enum Segment {
        /// `**`: any number of folders.
        case anyDepth
        case name(NamePattern)
    }

    private let segments: [Segment]
    private let isOnlyBelow: Bool

    init(_ text: Substring.UnicodeScalarView) throws(BadPattern) {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false)[...]
        isOnlyBelow = parts.count > 1 && parts.last?.isEmpty == true
        if isOnlyBelow { parts.removeLast() }
        if parts.first?.isEmpty == true {
            parts.removeFirst()
        } else if parts.count == 1, parts.first?.elementsEqual("**".unicodeScalars) == false {
            parts.insert("**".unicodeScalars[...], at: parts.startIndex)
        }
        var segments: [Segment] = []
        for part in parts {
            if part.elementsEqual("**".unicodeScalars) {
                if case .anyDepth? = segments.last { continue }
                segments.append(.anyDepth)
            } else {
                segments.append(.name(try NamePattern(part)))
            }
        }
        self.segments = segments
    }

    /// - Parameter path: its parts, from the root on.
    func matches(_ path: [Substring.UnicodeScalarView]) -> Bool {
        // All places in the pattern that the parts so far can have led to: no backtracking, however many `**` there are.
        var places = reached(from: [0])
        for (index, part) in path.enumerated() {
            // At the pattern's end `**` wants something: `a/**` is what is below `a`, not `a`.
            let endsOpen = isOpenEnded && places.contains(segments.count - 1)
            var next: Set<Int> = []
            for place in places where place < segments.count {
                switch segments[place] {
                case .anyDepth: next.insert(place)
                case .name(let pattern): if pattern.matches(part) { next.insert(place + 1) }
                }
            }
            places = reached(from: next)
            // An entry is matched when it, or a folder above it, fits the whole pattern.
            let isAbove = index + 1 < path.count
            if endsOpen || places.contains(segments.count), isAbove || !isOnlyBelow { return true }
        }
        return false
    }

    private var isOpenEnded: Bool {
        if case .anyDepth? = segments.last { true } else { false }
    }

    /// `**` may also stand for nothing, but for one at the end.
    private func reached(from places: Set<Int>) -> Set<Int> {
        var all = places
        for place in segments.indices.dropLast() where all.contains(place) {
            if case .anyDepth = segments[place] { all.insert(place + 1) }
        }
        return all
    }
}

/// One part of a pattern: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before what is meant literally. None of them crosses a `/`.
struct NamePattern: Sendable {
    private enum Token {
        case literal(Unicode.Scalar)
        case one
        case any
        case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    private var tokens: [Token] = []

    init(_ text: Substring.UnicodeScalarView) throws(BadPattern) {
        var rest = text
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\\":
                guard let escaped = rest.popFirst() else {
                    throw BadPattern(reason: "nothing follows the \\ at its end")
                }
                tokens.append(.literal(escaped))
            case "*":
                // `**` glued to letters means no more than `*`.
                if case .any? = tokens.last { continue }
                tokens.append(.any)
            case "?": tokens.append(.one)
            case "[":
                // Without a closing bracket it is a literal.
                tokens.append(try Self.set(&rest) ?? .literal("["))
            default: tokens.append(.literal(scalar))
            }
        }
    }

    /// What is between brackets: a `]` in the first place is a member, and so is a `^`.
    private static func set(_ rest: inout Substring.UnicodeScalarView) throws(BadPattern) -> Token? {
        let isNegated = rest.first == "!"
        let inside = isNegated ? rest.dropFirst() : rest
        // A caret in front of it leaves the bracket in the first place.
        let lead = inside.first == "^" ? inside.dropFirst() : inside
        guard let start = lead.indices.first, let end = lead[start...].dropFirst().firstIndex(of: "]") else {
            return nil
        }
        var members = inside[..<end]
        rest = rest[end...].dropFirst()
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        while let low = members.popFirst() {
            guard members.first == "-", let high = members.dropFirst().first else {
                ranges.append(low...low)
                continue
            }
            guard low <= high else { throw BadPattern(reason: "the range \(low)-\(high) runs backwards") }
            ranges.append(low...high)
            members = members.dropFirst(2)
        }
        return .set(ranges, isNegated: isNegated)
    }

    func matches(_ name: Substring.UnicodeScalarView) -> Bool {
        // Of the last `*` only: an earlier one that took less could not help, so the cost is at most |name| * |tokens|.
        let name = Array(name)
        var (position, token) = (0, 0)
        var retry: (position: Int, token: Int)?
        while position < name.count {
            if token < tokens.count {
                if case .any = tokens[token] {
                    retry = (position, token)
                    token += 1
                    continue
                }
                if Self.matches(tokens[token], name[position]) {
                    position += 1
                    token += 1
                    continue
                }
            }
            guard let last = retry else { return false }
            retry = (last.position + 1, last.token)
            (position, token) = (last.position + 1, last.token + 1)
        }
        return tokens[token...].allSatisfy { if case .any = $0 { true } else { false } }
    }

    private static func matches(_ token: Token, _ scalar: Unicode.Scalar) -> Bool {
        switch token {
        case .literal(let wanted): scalar == wanted
        case .one, .any: true
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
        }
    }
}

struct BadPattern: Error {
    let reason: String
}
