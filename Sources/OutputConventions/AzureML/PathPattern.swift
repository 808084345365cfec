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
