/// A pattern for one file name, as Batch's `filePattern` has it.
///
/// `*` any characters, `?` one, `[abc]` and `[a-c]` one of these, `[!abc]` one that is none of these. A wildcard in
/// brackets means itself: `abc[*]`. Names that begin with a dot are matched only by patterns that do.
struct NameGlob: Sendable, Hashable {
    private enum Part: Sendable, Hashable {
        case one(Unicode.Scalar)
        case any
        case anyRun
        case among([ClosedRange<Unicode.Scalar>], isNegated: Bool)

        func matches(_ scalar: Unicode.Scalar) -> Bool {
            switch self {
            case .one(let own): own == scalar
            case .any: true
            case .anyRun: false
            case .among(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
            }
        }
    }

    private let parts: [Part]

    init(_ text: some StringProtocol) {
        var parts: [Part] = []
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "*": if parts.last != .anyRun { parts.append(.anyRun) }
            case "?": parts.append(.any)
            case "[":
                if let part = Self.brackets(&rest) { parts.append(part) } else { parts.append(.one(scalar)) }
            default: parts.append(.one(scalar))
            }
        }
        self.parts = parts
    }

    static let anything = NameGlob("*")

    /// Whether a text has a wildcard at all: `*`, `?`, or brackets that are closed.
    static func isWildcard(_ text: some StringProtocol) -> Bool {
        NameGlob(text).parts.contains { if case .one = $0 { false } else { true } }
    }

    /// What stands behind `[`, up to its `]`; `nil` if there is none, and then `[` is a character like others.
    private static func brackets(_ rest: inout ArraySlice<Unicode.Scalar>) -> Part? {
        var inner = rest
        let isNegated = inner.first == "!"
        if isNegated { inner.removeFirst() }
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        // A `]` that comes first is one of the characters.
        while let low = inner.popFirst(), low != "]" || ranges.isEmpty {
            if inner.first == "-", let high = inner.dropFirst().first, high != "]" {
                inner.removeFirst(2)
                if low <= high { ranges.append(low...high) }
            } else {
                ranges.append(low...low)
            }
            guard inner.contains("]") else { return nil }
            if inner.first == "]" {
                inner.removeFirst()
                rest = inner
                return .among(ranges, isNegated: isNegated)
            }
        }
        return nil
    }

    func matches(_ name: String) -> Bool {
        let scalars = Array(name.unicodeScalars)
        if scalars.first == ".", parts.first != .one(".") { return false }
        // The last run of any characters takes one more whenever what follows it does not fit.
        var (part, position) = (0, 0)
        var run: (part: Int, position: Int)?
        while position < scalars.count {
            if part < parts.count, parts[part] == .anyRun {
                run = (part, position)
                part += 1
            } else if part < parts.count, parts[part].matches(scalars[position]) {
                part += 1
                position += 1
            } else if let last = run {
                run = (last.part, last.position + 1)
                (part, position) = (last.part + 1, last.position + 1)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { $0 == .anyRun }
    }
}
