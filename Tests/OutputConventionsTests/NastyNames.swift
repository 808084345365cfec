import TestSupport

/// Makes names out of everything that has ever been special in one.
struct NastyNames {
    var random: SeededRandom

    private static let parts: [String] =
        [
            "a", "b", "Z", "0", "x y", "%", "%25", "2E", "%2E", "5C", "%5C", "%00", "%C2%80", "%EF%BF%BE", "%80",
            "%2525",
            "=", "%=", "%file", "%more", "%=.", "+", "-", ".", "..", "...", "\\", "\n", "\r\n", "\t", "\u{1}", "\u{7F}",
            "\u{80}", "\u{9F}", "\u{A0}", "\u{FFFD}", "\u{E000}", "é",
            "e\u{301}", "\u{301}", "\u{600}", "😀", "👩‍👩‍👧", "$", "$$", "tasks", "TaskLog", "JobOutput", "?", "#", "&", "\"",
            "<", "|", ":",
        ] + noncharacters

    /// Not allowed in a literal.
    private static let noncharacters = ([0xFFFE, 0xFFFF, 0xFDD0, 0x1FFFE] as [UInt32]).compactMap {
        Unicode.Scalar($0).map(String.init)
    }

    /// A segment of a blob name: any text without a slash, also the empty one.
    mutating func segment() -> String {
        var text = ""
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            return ["", ".", "..", "\0", "$", "%=", "$.", "$..", "$tasks", "tasks", "$$"].randomElement(using: &random)
                ?? ""
        case 1:
            // Around the limit of 255 bytes, and far beyond.
            let unit = ["x", "é", "😀", "%", "\u{1}", "\\", "."].randomElement(using: &random) ?? "x"
            let count =
                Int.random(in: 0..<2, using: &random) == 0
                ? Int.random(in: 40...90, using: &random) : Int.random(in: 240...520, using: &random)
            text = String(repeating: unit, count: count)
            if Bool.random(using: &random) { text += part() }
            if Bool.random(using: &random) { text = part() + text }
        default:
            for _ in 0..<Int.random(in: 1...5, using: &random) { text += part() }
            if Int.random(in: 0..<20, using: &random) == 0 { text += "\0" }
        }
        return text
    }

    /// A blob name of at most 1,024 characters.
    mutating func blobName() -> String {
        while true {
            let name = (0..<Int.random(in: 1...5, using: &random)).map { _ in segment() }.joined(separator: "/")
            if (1...1024).contains(name.utf16.count) { return name }
        }
    }

    /// A name that the kernel could ask for.
    mutating func fileName() -> String {
        while true {
            let name = segment()
            let isDots = name.utf8.elementsEqual(".".utf8) || name.utf8.elementsEqual("..".utf8)
            if (1...255).contains(name.utf8.count), !isDots, !name.utf8.contains(0) { return name }
        }
    }

    private mutating func part() -> String { Self.parts.randomElement(using: &random) ?? "a" }
}
