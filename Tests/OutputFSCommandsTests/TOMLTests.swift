import Testing

@testable import OutputFSCommands

/// The part of TOML that configuration files are written in.
struct TOMLTests {
    @Test func `keys, tables and values of each type`() throws {
        let toml = try TOMLText(
            """
            # a comment
            account = "farm" # another
            'memory'= '512M'\r
            uid =1_000
            umask = 0o027
            read-only = true
            views = [ "jobs", 'containers', ]
            [mount."/mnt/my outputs"]
            \taccount = "a\\"b\\\\c\\t\\u00e9\\U0001F600"
            """
        )
        #expect(
            toml.entries == [
                .init(table: [], key: "account", value: .string("farm"), line: 2),
                .init(table: [], key: "memory", value: .string("512M"), line: 3),
                .init(table: [], key: "uid", value: .integer("1000"), line: 4),
                .init(table: [], key: "umask", value: .integer("0o027"), line: 5),
                .init(table: [], key: "read-only", value: .boolean(true), line: 6),
                .init(table: [], key: "views", value: .strings(["jobs", "containers"]), line: 7),
                .init(
                    table: ["mount", "/mnt/my outputs"],
                    key: "account",
                    value: .string("a\"b\\c\té😀"),
                    line: 9
                ),
            ]
        )
    }

    /// What TOML would take and this does not, and what TOML refuses, too.
    @Test(arguments: [
        ("a", "followed by ="), ("a =", "no value"), ("a = x", "quotes"), ("a = 1.5", "quotes"), ("a = 007", "quotes"),
        ("a = 2026-11-21", "quotes"), ("a = \"x", "ends with the quote"), ("a = \"\\x\"", "means nothing"),
        ("a = \"\"\"x\"\"\"", "several lines"), ("a = {b = 1}", "braces"), ("a = [1]", "of strings"),
        ("a = [\"x\"", "ends with ]"), ("a.b = 1", "[a]"), ("[a", "ends with ]"), ("[[a]]", "array of tables"),
        ("a = 1 b", "behind the end"), ("= 1", "a key is of"), ("a = \"\\u12\"", "four digits"),
        ("a = 1_", "quotes"), ("é = 1", "a key is of"), ("a = \"\u{7}\"", "control character"),
    ])
    func `every other line is refused, with its number and what is wrong`(_ line: String, _ words: String) {
        #expect {
            try TOMLText("# first\n\(line)\n")
        } throws: { error in
            guard let malformed = error as? TOMLText.Malformed else { return false }
            return malformed.line == 2 && malformed.reason.contains(words)
        }
    }

    @Test(arguments: ["a = 1\na = 2", "[t]\n[t]", "[t]\na = 1\n'a' = 2"])
    func `nothing may stand there twice`(_ text: String) {
        #expect(throws: TOMLText.Malformed.self) { try TOMLText(text) }
    }
}
