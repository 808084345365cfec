import OutputConventions
import Testing

/// The tables of docs/decisions/0004-names.md.
struct NameTableTests {
    private static let long = String(repeating: "x", count: 600)
    private static let pieces = ["%=\(long.prefix(245))%more", "%=\(long.prefix(245))%more", "%=\(long.prefix(110))"]
    private static let box = TreePlace.container(.containers, container: "box")
    private static let job = TreePlace.container(.jobs, container: "job-1")

    /// Names that programs give, and what is stored; each reads back as it was given.
    @Test(arguments: [
        ("report.txt", "report.txt"),
        ("100%", "100%"),
        ("a%20b", "a%20b"),
        ("%41", "%41"),
        ("%25", "%25"),
        ("a.", "a%2E"),
        ("...", "..%2E"),
        ("a%2E", "a%252E"),
        ("a%2Eb", "a%2Eb"),
        ("a%252E", "a%25252E"),
        ("back\\slash", "back%5Cslash"),
        ("back%5Cslash", "back%255Cslash"),
        ("tab\there", "tab%09here"),
        ("\u{85}", "%C2%85"),
        ("\u{E000}", "%EE%80%80"),
        ("$JobOutput", "$JobOutput"),
        ("e\u{301}", "e\u{301}"),
    ])
    func `what a program names is stored so, and shown so`(name: String, segment: String) {
        let file = TreePlace.file(.containers, container: "box", name: segment)
        let folder = TreePlace.folder(.containers, container: "box", prefix: segment + "/")
        #expect(Self.box.resolve(name, views: allViews) == .either(file: file, folder: folder))
        #expect(Self.box.obstacle(toMaking: name, views: allViews) == nil)
        expect(Self.box.shown(blob: segment), is: name, file)
        expect(Self.box.shown(prefix: segment + "/"), is: name, folder)
    }

    /// Blobs that no program on this side could have named.
    private static let literal: [(blob: String, path: [String])] = [
        (".", ["%=%2E"]),
        ("..", ["%=%2E%2E"]),
        ("/a", ["%=", "a"]),
        ("a//b", ["a", "%=", "b"]),
        ("a/", ["a", "%="]),
        ("a\0b", ["%=a%00b"]),
        ("dot.", ["%=dot."]),
        ("back\\slash", ["%=back\\slash"]),
        ("line\nfeed", ["%=line%0Afeed"]),
        ("%=x", ["%=%25=x"]),
        ("%2E", ["%=%252E"]),
        (long, pieces),
        ("d/" + long, ["d"] + pieces),
    ]

    @Test(arguments: literal)
    func `a blob that is no file's is shown literally`(blob: String, path: [String]) {
        let steps = walk(to: blob, from: Self.box)
        #expect(steps?.map(\.name) == path)
        var place = Self.box
        for step in steps ?? [] {
            #expect(place.resolve(step.name, views: allViews).places.contains(step.place))
            if step.name.hasPrefix("%=") {
                #expect(place.obstacle(toMaking: step.name, views: allViews)?.kind == .invalid)
            }
            place = step.place
        }
    }

    @Test(arguments: [("a", "%=a%file"), ("100%", "%=100%25%file"), ("a%2E", "%=a%252E%file")])
    func `the file beside a directory of its name is shown as such`(blob: String, name: String) {
        let file = TreePlace.file(.containers, container: "box", name: blob)
        expect(Self.box.shadowed(blob: blob), is: name, file)
        #expect(Self.box.resolve(name, views: allViews) == .file(file))
        #expect(Self.box.obstacle(toMaking: name, views: allViews)?.kind == .invalid)
    }

    @Test func `a hidden file whose name leaves no room for a mark goes on in a directory`() {
        let name = String(repeating: "n", count: 255)
        let deeper = TreePlace.folder(.containers, container: "box", prefix: String(name.prefix(245)))
        expect(Self.box.shown(blob: name), is: name, .file(.containers, container: "box", name: name))
        expect(Self.box.shadowed(blob: name), is: "%=" + name.prefix(245) + "%more", deeper)
        #expect(deeper.shown(blob: name) == nil)
        expect(deeper.shadowed(blob: name), is: "%=nnnnnnnnnn%file", .file(.containers, container: "box", name: name))
    }

    @Test(arguments: [
        ("", NameProblem.Kind.invalid), (".", .invalid), ("..", .invalid), ("a/b", .invalid), ("nul\0", .invalid),
        ("%=", .invalid), ("%=plain", .invalid), ("%=short%more", .invalid), ("%=%2e", .invalid),
        ("%=%C3%A9", .invalid),
        (String(repeating: "n", count: 256), .tooLong),
    ])
    func `names that cannot be made are refused, and say why`(name: String, kind: NameProblem.Kind) {
        guard let problem = Self.box.obstacle(toMaking: name, views: allViews) else {
            Issue.record("\(name.debugDescription) can be made")
            return
        }
        #expect(problem.kind == kind)
        #expect(!problem.reason.isEmpty)
    }

    /// §6.1
    @Test func `a blob name has at most 1,024 characters and 254 segments`() {
        let prefix = String(repeating: "d/", count: 400)
        let deep = TreePlace.folder(.containers, container: "box", prefix: String(repeating: "abcdefg/", count: 120))
        #expect(deep.obstacle(toMaking: String(repeating: "n", count: 64), views: allViews) == nil)
        #expect(deep.obstacle(toMaking: String(repeating: "n", count: 65), views: allViews)?.kind == .tooLong)
        // 63 backslashes are 189 characters as stored.
        #expect(deep.obstacle(toMaking: String(repeating: "\\", count: 63), views: allViews)?.kind == .tooLong)
        let deepest = TreePlace.folder(.containers, container: "box", prefix: String(prefix.prefix(2 * 253)))
        #expect(deepest.obstacle(toMaking: "x", views: allViews) == nil)
        let tooDeep = TreePlace.folder(.containers, container: "box", prefix: String(prefix.prefix(2 * 254)))
        #expect(tooDeep.obstacle(toMaking: "x", views: allViews)?.kind == .tooLong)
    }

    private func expect(
        _ shown: (name: String, place: TreePlace)?,
        is name: String,
        _ place: TreePlace,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(shown.map { Array($0.name.utf8) } == Array(name.utf8), sourceLocation: sourceLocation)
        #expect(shown?.place == place, sourceLocation: sourceLocation)
    }
}
