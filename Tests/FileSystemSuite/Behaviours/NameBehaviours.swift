internal import BlobStorage
internal import Glibc
internal import SystemPackage
internal import TestSupport
internal import Testing

/// Names of both sides that the other side has no plain form for.
package enum NameBehaviours {
    /// Unix names that blobs cannot have as they stand, or that somebody on the way might change.
    static let odd = [
        "a b", "100%", "%41", "a%20b", "a%2E", "trailing.", "...", "tab\there", "line\nfeed", "bell\u{7}",
        "back\\slash",
        "q?", "#", "&amp;", "+", "*", "'\"`", "-rf", "~", "ä", "日本語", "🙂", "\u{E9}", "e\u{301}", "\u{E000}", "con", "%",
        "%%", "%252E", ".hidden", "a..b", " ", " x ", "$TaskOutput", "$", "<&>", "{}", "[x]", "%3D", "_ %2F",
        String(repeating: "x", count: 255), String(repeating: "ä", count: 127), String(repeating: "\u{1}", count: 200),
    ]

    package static let all: [Behaviour] = [
        // §1.6
        Behaviour("a Unix name reads back as it was written") { (world) throws in
            try world.makeJob()
            for name in odd { try world.files.writeFile(world.path(name), "in " + name) }
            let wanted = odd.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { Array($0.utf8) }
            let other = try world.anotherMount()
            for files in [world.files, other] {
                let names = try files.names(world.folder).map { Array($0.utf8) }
                #expect(names == wanted)
                for name in odd { #expect(try files.readText(world.path(name)) == "in " + name) }
            }
            #expect(world.blobNames.count == odd.count)
            for name in odd { try world.files.unlink(world.path(name)) }
            #expect(world.blobNames == [])
        },
        Behaviour("directories may have odd names, too") { (world) throws in
            try world.makeJob()
            for name in odd {
                try world.files.makeDirectory(world.path(name))
                try world.files.writeFile(world.path(name + "/f"), name)
            }
            let other = try world.anotherMount()
            for name in odd { #expect(try other.readText(world.path(name + "/f")) == name) }
            for name in odd { try world.files.removeTree(world.path(name)) }
            #expect(world.blobNames == [])
        },
        // §1.6
        Behaviour("names that storage cannot hold are refused, and nothing is changed") { (world) throws in
            try world.makeJob()
            let long = String(repeating: "x", count: 250)
            let deep = Array(repeating: long, count: 5).joined(separator: "/")
            expect(.fileNameTooLong) {
                try world.files.writeFile(world.path(String(repeating: "y", count: 256)), "x")
            }
            expect(.invalidArgument) { try world.files.writeFile(world.path("%=x"), "x") }
            expect(.fileNameTooLong) { try world.files.makeDirectories(world.path(deep)) }
            let isShort = world.blobNames.allSatisfy { $0.count <= 1024 }
            #expect(isShort)
        },
        // §1.7
        Behaviour("a blob beside a directory of its name is shown under another name") { (world) throws in
            // With directories there are no two things of one name.
            guard world.store.namespace == .flat else { return }
            world.put("a", "the blob")
            world.put("a/b", "in the directory")
            let listed = try world.files.list(world.folder)
            let directory = listed.first { $0.name == "a" }
            #expect(directory?.kind == .directory)
            let shadowed = listed.filter { $0.kind == .file }
            try #require(shadowed.count == 1)
            #expect(try world.files.readText(world.path(shadowed[0].name)) == "the blob")
            #expect(try world.files.readText(world.path("a/b")) == "in the directory")
            #expect(try world.files.status(world.path("a")).kind == .directory)
            // The blob is known by now, and what was listed is too old.
            world.letValidityPass()
            #expect(try world.files.status(world.path(shadowed[0].name)).kind == .file)
            #expect(try world.files.status(world.path("a")).kind == .directory)
            try world.files.writeFile(world.path(shadowed[0].name), "written")
            #expect(world.stored("a") == "written")
            try world.files.unlink(world.path(shadowed[0].name))
            #expect(world.blobNames == ["t/$TaskOutput/a/b"])
        },
        // §1.6
        Behaviour("every blob is reached by exactly one path, whatever its name") { (world) throws in
            // With directories there are no such names.
            guard world.store.namespace == .flat else { return }
            let names = [
                "plain", "a//b", "./x", "../y", "x/../z", "x/./z", "/lead", "//", "trail/f/", "d", "d/e", "...", "%",
                "%2F",
                "back\\slash", "a\u{1}b", "dot.", "nul\u{0}x", String(repeating: "s", count: 300),
                "q/" + String(repeating: "t", count: 600) + "/u",
                "%=x", "e\u{301}", "\u{E9}", "..", ".", "a/..", "a/.",
            ]
            for name in names { world.store.add(BlobAddress(container: "misc", name: name), Array(name.utf8)) }
            var found: [[UInt8]] = []
            try walk("containers/misc", world.files) { path in
                let bytes = try world.files.readFile(path)
                found.append(bytes)
            }
            let missing = names.filter { !found.contains(Array($0.utf8)) }
            #expect(missing == [])
            #expect(found.count == names.count)
        },
    ]

    private static func walk(_ path: String, _ files: any FileOperations, _ visit: (String) throws -> Void) throws {
        for entry in try files.list(path) {
            let child = path + "/" + entry.name
            if entry.kind == .directory { try walk(child, files, visit) } else { try visit(child) }
        }
    }
}
