import Foundation
import Testing

/// What an operation needs, as docs/PERMISSIONS.md says it: `r`, `c` or `w` means r, and one of c and w.
struct NeededRights: Sendable {
    private let clauses: [Set<Character>]

    /// `nil` if it is not written like that.
    init?(_ text: String) {
        let letter = { (word: Substring) -> Character? in
            let isCode = word.count == 3 && word.hasPrefix("`") && word.hasSuffix("`")
            return isCode ? word.dropFirst().first : nil
        }
        var clauses: [Set<Character>] = []
        for clause in text.split(separator: ",") {
            let words = clause.split(separator: " ").filter { $0 != "or" }
            let letters = words.compactMap(letter)
            guard !letters.isEmpty, letters.count == words.count else { return nil }
            clauses.append(Set(letters))
        }
        self.clauses = clauses
    }

    func areGranted(by rights: String) -> Bool { clauses.allSatisfy { !$0.isDisjoint(with: rights) } }

    /// The table, by what a program does.
    static let table: Result<[String: NeededRights], any Error> = Result {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "docs/PERMISSIONS.md"), encoding: .utf8)
        var table: [String: NeededRights] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("| ") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 2, let rights = NeededRights(cells[1]) else { continue }
            table[cells[0]] = rights
        }
        return table
    }
}
