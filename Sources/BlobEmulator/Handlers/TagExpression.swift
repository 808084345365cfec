/// A condition on tags, as in `x-ms-if-tags`: `"key" = 'value'` with the six comparisons, `AND`, `OR`.
struct TagExpression {
    private struct Comparison {
        var key: String
        var symbol: String
        var value: String

        func holds(for tags: [Tag]) -> Bool {
            guard let found = tags.first(where: { $0.key == key })?.value else { return symbol == "<>" }
            let (left, right) = (Name(found), Name(value))
            return switch symbol {
            case "=": left == right
            case "<>": left != right
            case "<": left < right
            case "<=": left <= right
            case ">": left > right
            default: left >= right
            }
        }
    }

    /// Alternatives, of which one has to hold with all its parts: AND binds closer than OR.
    private var alternatives: [[Comparison]] = [[]]

    /// Nil if the text is no such expression.
    init?(_ text: String) {
        var tokens = TagTokens(text)
        while true {
            guard let key = tokens.name(), let symbol = tokens.symbol(), let value = tokens.value() else { return nil }
            alternatives[alternatives.count - 1].append(Comparison(key: key, symbol: symbol, value: value))
            guard let word = tokens.word() else { break }
            switch word.lowercased() {
            case "and": continue
            case "or": alternatives.append([])
            default: return nil
            }
        }
        guard tokens.isAtEnd else { return nil }
    }

    func holds(for tags: [Tag]) -> Bool {
        alternatives.contains { $0.allSatisfy { $0.holds(for: tags) } }
    }
}

private struct TagTokens {
    private var rest: Substring

    init(_ text: String) {
        rest = text[...]
    }

    var isAtEnd: Bool { rest.allSatisfy { $0 == " " } }

    private mutating func skipBlanks() {
        rest = rest.drop { $0 == " " }
    }

    private mutating func quoted(_ quote: Character) -> String? {
        skipBlanks()
        guard rest.first == quote, let end = rest.dropFirst().firstIndex(of: quote) else { return nil }
        let text = rest[rest.index(after: rest.startIndex)..<end]
        rest = rest[rest.index(after: end)...]
        return String(text)
    }

    mutating func word() -> String? {
        skipBlanks()
        let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "@" }
        guard !word.isEmpty else { return nil }
        rest = rest[word.endIndex...]
        return String(word)
    }

    mutating func name() -> String? {
        quoted("\"") ?? word()
    }

    mutating func value() -> String? {
        quoted("'")
    }

    mutating func symbol() -> String? {
        skipBlanks()
        for symbol in ["<>", "<=", ">=", "=", "<", ">"] where rest.hasPrefix(symbol) {
            rest = rest.dropFirst(symbol.count)
            return symbol
        }
        return nil
    }
}
