import OutputConventions
import Testing

struct IgnoreRulesTests {
    @Test(arguments: [
        // Without a slash, at any depth, with all that is below; with one at the end only what is below.
        ("logs", ["logs", "logs/a", "x/logs", "x/logs/a"], ["logs2", "a.logs"]),
        ("logs/", ["logs/a", "x/logs/a"], ["logs", "x/logs"]),
        // Anchored.
        ("/build", ["build", "build/o"], ["x/build"]),
        ("a/b", ["a/b", "a/b/c"], ["x/a/b", "a/x/b"]),
        ("a/b/", ["a/b/c"], ["a/b"]),
        // Stars.
        ("*.log", ["a.log", "x/a.log", ".log"], ["a.log.txt2/../b", "log"]),
        ("a*c", ["ac", "abc", "abcc"], ["a/c", "abcd"]),
        ("a?c", ["abc"], ["ac", "abbc", "a/c"]),
        ("**/x", ["x", "a/x", "a/b/x", "x/y"], ["ax"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/bx"]),
        ("**", ["a", "a/b"], []),
        ("**/", ["a/b", "a/b/c"], ["a"]),
        ("/*", ["a", "a/b"], []),
        ("a**b", ["ab", "axb"], ["a/b"]),
        // Brackets.
        ("[a-c]", ["a", "b", "x/c"], ["d"]),
        ("[!a-c]", ["d"], ["a"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[]]", ["]"], ["["]),
        ("[!]]", ["a"], ["]"]),
        ("[a", ["[a"], ["a"]),
        ("[a-]", ["a", "-"], ["b"]),
        // Escapes, blanks, comments.
        ("\\#a", ["#a"], ["a"]),
        ("\\!a", ["!a"], ["a"]),
        ("\\*", ["*"], ["a"]),
        ("  a  ", ["a"], ["  a  "]),
        ("#a", [], ["#a", "a"]),
        ("/", [], ["a"]),
        ("", [], ["a"]),
    ])
    func aPatternMatchesWhatAzureMachineLearningTakesItFor(_ pattern: String, _ ignored: [String], _ kept: [String])
        throws
    {
        let rules = try IgnoreRules(pattern)
        for path in ignored { #expect(rules.ignores(path), "\(path)") }
        for path in kept { #expect(!rules.ignores(path), "\(path)") }
    }

    @Test func theLastLineThatMatchesDecidesAndFoldersAreNotPruned() throws {
        let rules = try IgnoreRules("\u{FEFF}models\r\n!models/keep.bin\n*.tmp")
        #expect(rules.ignores("models/a.bin"))
        #expect(!rules.ignores("models/keep.bin"))
        #expect(rules.decisiveLine(for: "models/keep.bin")?.number == 2)
        #expect(rules.decisiveLine(for: "x/y.tmp")?.number == 3)
        #expect(rules.decisiveLine(for: "other") == nil)
    }

    @Test(arguments: ["a\\", "a\\ ", "[z-a]"])
    func aLineThatIsNoPatternIsNamed(_ line: String) throws {
        let error = try #require(throws: BadIgnoreLine.self) { try IgnoreRules("good\n\(line)") }
        #expect(error.number == 2)
    }

    @Test func manyStarsDoNotTakeForEver() throws {
        let name = String(repeating: "a", count: 255)
        #expect(try !IgnoreRules(String(repeating: "*a", count: 60) + "b").ignores(name))
        let path = Array(repeating: "a", count: 60).joined(separator: "/")
        #expect(try !IgnoreRules(String(repeating: "**/a/", count: 12) + "b").ignores(path))
    }

    @Test func lowerCaseIsThatOfPython() {
        // The final sigma, and a dotted capital i that becomes two code points.
        let names = ["Z", "_.txt", "A.txt", "b.txt", "\u{130}.txt", "\u{391}\u{3A3}", "\u{3B1}\u{3C3}x", "a\u{3A3}.b"]
        let sorted = names.sorted { SortKey($0) < SortKey($1) }
        #expect(
            sorted == [
                "_.txt", "A.txt", "a\u{3A3}.b", "b.txt", "\u{130}.txt", "Z", "\u{391}\u{3A3}", "\u{3B1}\u{3C3}x",
            ]
        )
    }
}
