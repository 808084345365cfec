import OutputConventions
import Testing

/// Batch's rules for `filePattern` and the destination's `path`.
struct FilePatternTests {
    /// The files of a small tree that a pattern matches, walked as the uploader walks it: names relative to the base.
    private static func matches(_ pattern: FilePattern, in tree: [String]) -> [String] {
        let base = pattern.base.isEmpty ? "" : pattern.base + "/"
        return tree.filter { path in
            guard path.hasPrefix(base) else { return false }
            let parts = path.dropFirst(base.count).split(separator: "/").map(String.init)
            var progress = pattern.start
            for directory in parts.dropLast() {
                guard let next = pattern.entering(directory, from: progress) else { return false }
                progress = next
            }
            return parts.last.map { pattern.matches(file: $0, in: progress) } ?? false
        }.map { String($0.dropFirst(base.count)) }
    }

    private static let tree = [
        "a.csv", "b.txt", ".hidden.csv", "abc*", "abcdef", "file1.log", "file2.log", "filex.log", "öl.csv",
        "out/1.csv", "out/x/2.csv", "out/x/y/3.csv", "out/x/y/.4.csv", "out/.git/5.csv", "out/x/z.txt",
        "out2/6.csv", "logs/run.1/std.log", "logs/run.2/std.log",
    ]

    @Test(
        arguments: [
            ("*.csv", ["a.csv", "öl.csv"]),
            ("?.csv", ["a.csv"]),
            ("??.csv", ["öl.csv"]),
            (
                "**/*.csv",
                [
                    "a.csv", "öl.csv", "out/1.csv", "out/x/2.csv", "out/x/y/3.csv", "out2/6.csv",
                ]
            ),
            ("out/**/*.csv", ["1.csv", "x/2.csv", "x/y/3.csv"]),
            ("out/**", ["1.csv", "x/2.csv", "x/y/3.csv", "x/z.txt"]),
            ("out/*/*.csv", ["x/2.csv"]),
            ("out/**/y/*", ["x/y/3.csv"]),
            ("out*/*.csv", ["out/1.csv", "out2/6.csv"]),
            ("file[12].log", ["file1.log", "file2.log"]),
            ("file[0-1].log", ["file1.log"]),
            ("file[!0-9].log", ["filex.log"]),
            ("abc*", ["abc*", "abcdef"]),
            ("abc[*]", ["abc*"]),
            (".*.csv", [".hidden.csv"]),
            ("[.]hidden*", []),
            ("out/.git/*.csv", ["5.csv"]),
            ("out/.g*/*.csv", [".git/5.csv"]),
            ("./out/*.csv", ["1.csv"]),
            ("logs/run.?/std.log", ["run.1/std.log", "run.2/std.log"]),
            ("nothing*", []),
        ] as [(String, [String])]
    )
    func `a pattern matches what Batch matches`(_ text: String, _ expected: [String]) throws {
        let pattern = try FilePattern(text) { _ in nil }
        #expect(Self.matches(pattern, in: Self.tree) == expected)
    }

    @Test(arguments: [
        ("../std*.txt", ".."), ("out/**/*.csv", "out"), ("*.csv", ""), ("/mnt/data/*/x", "/mnt/data"), ("/*", "/"),
        ("a/b/c.txt", "a/b/c.txt"), ("/a/b.txt", "/a/b.txt"), ("a/[b]/c*", "a"),
    ])
    func `the base is the longest directory without a wildcard`(_ text: String, _ base: String) throws {
        #expect(try FilePattern(text) { _ in nil }.base == base)
    }

    @Test(
        arguments: [
            ("../std*.txt", "mytask", "stdout.txt", "mytask/stdout.txt"),
            ("out/**/*.csv", "p", "x/y.csv", "p/x/y.csv"),
            ("out/**/*.csv", "p/", "x/y.csv", "p/x/y.csv"),
            ("out/**/*.csv", nil, "x/y.csv", "x/y.csv"),
            ("out/**/*.csv", "", "x/y.csv", "x/y.csv"),
            ("result.json", "p/r.json", "result.json", "p/r.json"),
            ("sub/result.json", nil, "result.json", "result.json"),
            ("../std*.txt", "001/$TaskLog", "stderr.txt", "001/$TaskLog/stderr.txt"),
            ("output.txt", "001/$TaskOutput/output.txt", "output.txt", "001/$TaskOutput/output.txt"),
        ] as [(String, String?, String, String)]
    )
    func `with a wildcard the path is a directory, else the blob`(
        _ text: String,
        _ path: String?,
        _ file: String,
        _ blob: String
    ) throws {
        let pattern = try FilePattern(text) { _ in nil }
        #expect(OutputFile(pattern: pattern, path: path, condition: .success).blobName(of: file) == blob)
    }

    @Test func `variables are put in before anything else`() throws {
        let variables = ["OUT": "out/x", "STAR": "*", "EMPTY": ""]
        func base(_ text: String) throws -> String { try FilePattern(text) { variables[$0] }.base }
        #expect(try base("$OUT/a.csv") == "out/x/a.csv")
        #expect(try base("$OUT-1/*.csv") == "out/x-1")
        #expect(try base("a/$STAR/b") == "a")
        #expect(try base("$EMPTY/a*") == "/")
        // Not set: a kind's directory, or a mistake, which must not become the root of the machine.
        #expect(try base("$TaskLog/a.csv") == "$TaskLog/a.csv")
        #expect(try base("$OUTPUT/*.csv") == "$OUTPUT")
        #expect(try base("5$/$1x") == "5$/$1x")
    }

    @Test(arguments: ["", "out/", "/", "a*/../b", "**/.."])
    func `what can match nothing is refused`(_ text: String) {
        #expect(throws: FilePattern.Problem.self) { try FilePattern(text) { _ in nil } }
    }

    @Test func `only a name in the pattern goes through a link to a directory`() throws {
        let byName = try FilePattern("o*/a*") { _ in nil }
        #expect(!byName.entersByChance("out", from: byName.start))
        let byChance = try FilePattern("**/a*") { _ in nil }
        #expect(byChance.entersByChance("out", from: byChance.start))
    }

    @Test func `conditions look at the exit status`() {
        #expect(UploadCondition.allCases.map { $0.isMet(byExitStatus: 0) } == [true, false, true])
        #expect(UploadCondition.allCases.map { $0.isMet(byExitStatus: 3) } == [false, true, true])
    }
}
