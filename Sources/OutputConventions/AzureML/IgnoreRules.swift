/// What an `.amlignore` or `.gitignore` file in the root of a folder keeps out of an Azure ML upload.
///
/// The lines are those of gitignore as azure-ai-ml reads them, which differs from git in three ways: a line loses blanks at
/// both ends, folders are not pruned (`!dir/keep` works below an ignored `dir`), and only the root's file counts.
package struct IgnoreRules: Sendable {
    /// In which order the files are looked for; the first that is there is the only one that counts.
    package static let fileNames = [".amlignore", ".gitignore"]

    private var rules: [Rule] = []

    private struct Rule {
        var pattern: PathPattern
        var isIgnored: Bool
        var line: Int
    }

    /// Nothing is ignored.
    package init() {}

    /// - Parameter text: the file's content; a byte order mark at its beginning is no part of it.
    /// - Throws: `BadIgnoreLine` for a line that is no pattern.
    package init(_ text: String) throws(BadIgnoreLine) {
        let scalars = text.unicodeScalars
        let body = scalars.first == "\u{FEFF}" ? scalars.dropFirst() : scalars[...]
        var number = 0
        for line in Self.lines(of: body) {
            number += 1
            try add(line: line, number: number)
        }
    }

    /// As if `line` stood at the end of the file: for patterns that a client adds by itself.
    package mutating func add(_ line: String) throws(BadIgnoreLine) {
        try add(line: line.unicodeScalars[...], number: 0)
    }

    /// Whether the last line that matches ignores `path`: relative to the folder, with `/` between its parts.
    package func ignores(_ path: String) -> Bool {
        decisiveLine(for: path)?.isIgnored ?? false
    }

    /// The number of the line (from 1) that decides about `path`, and how; `nil` where none matches.
    package func decisiveLine(for path: String) -> (number: Int, isIgnored: Bool)? {
        let parts = path.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
        return rules.last { $0.pattern.matches(parts) }.map { ($0.line, $0.isIgnored) }
    }

    private mutating func add(line: Substring.UnicodeScalarView, number: Int) throws(BadIgnoreLine) {
        var text = Self.stripped(line)
        guard let first = text.first, first != "#", !(first == "/" && text.count == 1) else { return }
        let isIgnored = first != "!"
        if !isIgnored {
            text = text.dropFirst()
            // `!` alone, and `!/`, say nothing, as the blank line does.
            if text.isEmpty || text.elementsEqual("/".unicodeScalars) { return }
        }
        do {
            rules.append(Rule(pattern: try PathPattern(text), isIgnored: isIgnored, line: number))
        } catch {
            throw BadIgnoreLine(number: number, text: String(Substring(line)), reason: error.reason)
        }
    }

    /// As Python's file iteration does: at `\n`, `\r` and `\r\n`.
    private static func lines(of text: Substring.UnicodeScalarView) -> [Substring.UnicodeScalarView] {
        var lines: [Substring.UnicodeScalarView] = []
        var rest = text
        while let end = rest.firstIndex(where: { $0 == "\n" || $0 == "\r" }) {
            lines.append(rest[..<end])
            let isPair = rest[end] == "\r" && rest[end...].dropFirst().first == "\n"
            rest = rest[end...].dropFirst(isPair ? 2 : 1)
        }
        return rest.isEmpty ? lines : lines + [rest]
    }

    private static func stripped(_ line: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
        var text = line.drop { $0.properties.isWhitespace }
        while let last = text.last, last.properties.isWhitespace { text.removeLast() }
        return text
    }
}

/// A line of an ignore file that is no pattern: azure-ai-ml fails there, too.
package struct BadIgnoreLine: Error, Hashable, CustomStringConvertible {
    /// From 1.
    package let number: Int
    package let text: String
    package let reason: String

    package var description: String { "line \(number) (\(text)): \(reason)" }
}
