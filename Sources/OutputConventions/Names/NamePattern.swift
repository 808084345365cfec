/// One part of a pattern: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before what is meant literally. None of them crosses a `/`.
package struct NamePattern: Sendable {
    private enum Token {
        case literal(Unicode.Scalar)
        case one
        case any
        case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    private var tokens: [Token] = []

    package init(_ text: Substring.UnicodeScalarView) throws(BadPattern) {
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

    package func matches(_ name: String) -> Bool { matches(name.unicodeScalars[...]) }

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

/// A pattern that means nothing.
package struct BadPattern: Error, Hashable {
    package let reason: String

    package init(reason: String) { self.reason = reason }
}
