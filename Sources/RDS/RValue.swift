/// A small R object, as far as somebody wanted to know it.
package struct RValue: Sendable, Hashable {
    package indirect enum Content: Sendable, Hashable {
        case null
        /// The argument that is not there, as in `x[1, ]`.
        case missing
        case symbol(String)
        case logicals([Bool?])
        case integers([Int32?])
        case reals([Double])
        /// `nil` is NA.
        case strings([String?])
        case list([RValue])
        case pairs([Pair])
        case call([Pair])
        /// Something else, or beyond what may be kept.
        case omitted
    }

    package struct Pair: Sendable, Hashable {
        package var tag: String?
        package var value: RValue
    }

    package var content: Content
    package var attributes: [Pair] = []

    static let omitted = RValue(content: .omitted)

    package subscript(attribute name: String) -> RValue? {
        attributes.first { $0.tag.map { $0.utf8.elementsEqual(name.utf8) } ?? false }?.value
    }

    package var strings: [String?]? {
        if case .strings(let strings) = content { strings } else { nil }
    }

    /// The first string, of a character vector.
    package var string: String? { strings?.first ?? nil }

    package var classes: [String] { self[attribute: "class"]?.strings?.compactMap { $0 } ?? [] }
    package var names: [String?] { self[attribute: "names"]?.strings ?? [] }
}

/// How much of an object is kept.
struct ValueBudget {
    /// Elements of all vectors and lists.
    var elements: Int
    /// Of strings.
    var bytes: Int

    mutating func takeElements(_ wanted: UInt64) -> Int {
        let taken = Int(min(wanted, UInt64(max(0, elements))))
        elements -= taken
        return taken
    }
}
