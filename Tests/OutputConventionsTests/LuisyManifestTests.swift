import OutputConventions
import TestSupport
import Testing

struct LuisyManifestTests {
    private func manifest(_ json: String) throws -> LuisyManifest { try LuisyManifest(json: Array(json.utf8)) }

    private func text(_ manifest: LuisyManifest) -> String { String(decoding: manifest.json, as: UTF8.self) }

    @Test func `what Python wrote is written again to the byte`() throws {
        let written = [
            "{}",
            #"{"/demo/raw/t.csv": "0cc1", "/All.pkl": null}"#,
            #"{"/d/n\u00fc\ud83d\ude00\"\\\n\u007f.pkl": "a\tb", "/x": 12, "/y": [1, {"a": NaN}], "/z": -Infinity}"#,
            #"{"/half\ud83d.pkl": "aa"}"#,
        ]
        for json in written { #expect(text(try manifest(json)) == json) }
    }

    @Test func `blanks and order of members do not matter, and order is kept`() throws {
        let read = try manifest("\n{ \"/b\" :\t\"2\" ,\r\n\"/a\":\"1\" }  ")
        #expect(read.entries.map(\.key.text) == ["/b", "/a"])
        #expect(text(read) == #"{"/b": "2", "/a": "1"}"#)
    }

    @Test func `of two keys of one name the later counts, at the place of the first`() throws {
        #expect(text(try manifest(#"{"/a": "1", "/b": "2", "/\u0061": "3"}"#)) == #"{"/a": "3", "/b": "2"}"#)
    }

    @Test func `setting keeps places, new keys go to the end, removed ones leave the rest`() throws {
        var edited = try manifest(#"{"/a": "1", "/b": null, "/c": "3"}"#)
        edited[LuisyKey("/b")] = .hash("2")
        edited[LuisyKey("/ü \"")] = .hash("4")
        edited[LuisyKey("/a")] = nil
        #expect(text(edited) == #"{"/b": "2", "/c": "3", "/\u00fc \"": "4"}"#)
        #expect(edited[LuisyKey("/c")] == .hash("3"))
        edited.remove([LuisyKey("/b"), LuisyKey("/c"), LuisyKey("/none")])
        #expect(text(edited) == #"{"/\u00fc \"": "4"}"#)
        #expect(edited[LuisyKey("/ü \"")] == .hash("4"))
    }

    @Test func `keys are told apart by their bytes`() throws {
        var manifest = LuisyManifest()
        manifest[LuisyKey("/\u{E9}")] = .hash("composed")
        manifest[LuisyKey("/e\u{301}")] = .hash("decomposed")
        #expect(manifest.entries.count == 2)
        #expect(text(manifest) == #"{"/\u00e9": "composed", "/e\u0301": "decomposed"}"#)
    }

    @Test(arguments: [
        "", "  \n", "[]", "null", "\"text\"", "12", "{", "{]", #"{"a"}"#, #"{"a": }"#, #"{"a": "b",}"#,
        #"{"a": "b"} x"#,
        #"{'a': 'b'}"#, #"{"a": "b" "c": "d"}"#, #"{"a": "b}"#, #"{"a": "\x"}"#, #"{"a": "\u12g4"}"#, "{\"a\": \"\n\"}",
        #"{"a": 1.}"#, #"{"a": tru}"#, #"{"a": +1}"#, "\u{FEFF}{}", #"{a: "b"}"#,
    ])
    func `what is no object of JSON is refused`(json: String) {
        #expect(throws: BrokenManifest.self) { try manifest(json) }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        #expect(throws: BrokenManifest.self) {
            try LuisyManifest(json: Array("{\"".utf8) + [0xFF] + Array("\": null}".utf8))
        }
    }

    @Test func `brackets without end are refused, and do not end the program`() {
        let open = String(repeating: "[", count: 1_000_000)
        #expect(throws: BrokenManifest.self) { try manifest(#"{"a": \#(open)"#) }
        let objects = String(repeating: #"{"a":"#, count: 300_000)
        #expect(throws: BrokenManifest.self) { try manifest(objects) }
    }

    @Test func `cut or changed anywhere, it is read or refused, and never ends the program`() throws {
        let whole = Array(#"{"/d/n\u00fc\ud83d\ude00.pkl": "0cc1", "/x": [1.5e-3, {"a": null}], "/é": null}"#.utf8)
        for end in 0..<whole.count {
            #expect(throws: BrokenManifest.self) { try LuisyManifest(json: Array(whole[..<end])) }
        }
        var random = SeededRandom(seed: testSeed())
        for _ in 0..<5_000 {
            var bytes = whole
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            if let read = try? LuisyManifest(json: bytes) { #expect(try LuisyManifest(json: read.json) == read) }
        }
    }

    // MARK: Keys

    @Test func `keys lead to names below the working directory, and nowhere else`() {
        #expect(LuisyKey("/demo/raw/t.csv").names == ["demo", "raw", "t.csv"])
        #expect(LuisyKey("/demo/raw/t.csv").project == "demo")
        #expect(LuisyKey("/All.pkl").project == nil)
        #expect(LuisyKey("/All.pkl").blobName == "All.pkl")
        for text in ["", "/", "a", "/a/", "//a", "/a//b", "/../a", "/a/..", "/./a", "/a/\u{0}"] {
            #expect(LuisyKey(text).names == nil, "\(text)")
        }
    }
}

struct LuisyStateTests {
    private let key = LuisyKey("/demo/raw/t.csv")

    @Test func `a blob that is newer than the manifest may have a hash of older bytes`() {
        #expect(LuisyState(key, .hash("a"), blob: 100, manifest: 100) == .same)
        #expect(LuisyState(key, .hash("a"), blob: 101, manifest: 100) == .newer)
        #expect(LuisyState(key, .hash("a"), blob: nil, manifest: 100) == .dangling)
        #expect(LuisyState(key, .null, blob: 101, manifest: 100) == .null)
        #expect(LuisyState(LuisyKey("/demo/s.t.DeltaTable"), .hash("a"), blob: nil, manifest: 100) == .same)
    }
}

struct LuisyPlanTests {
    private let here = LuisyKey("/d/here")
    private let there = LuisyKey("/d/there")
    private let both = LuisyKey("/d/both")

    private func knowledge() throws -> LuisyPlan.Knowledge {
        LuisyPlan.Knowledge(
            local: try LuisyManifest(json: Array(#"{"/d/both": "1", "/d/here": "2", "/d/gone": "3"}"#.utf8)),
            store: try LuisyManifest(json: Array(#"{"/d/there": "4", "/d/both": "5", "/d/null": null}"#.utf8)),
            files: [here, both],
            blobs: [there, both]
        )
    }

    @Test func `the code is what the manifests say it was, this machine's first, unless it is given`() throws {
        var knowledge = try knowledge()
        #expect(knowledge.codeHash(of: both) == "1")
        #expect(knowledge.codeHash(of: there) == "4")
        #expect(knowledge.codeHash(of: LuisyKey("/d/gone")) == nil)
        #expect(knowledge.codeHash(of: LuisyKey("/d/null")) == nil)
        knowledge.given[both] = "9"
        #expect(knowledge.codeHash(of: both) == "9")
    }

    @Test func `each key is planned once, in the order of the manifests`() throws {
        var knowledge = try knowledge()
        knowledge.given = [LuisyKey("/d/z"): "1", LuisyKey("/d/a"): "1", there: "4"]
        let plan = LuisyPlan(knowledge, download: true, upload: true)
        #expect(plan.lines.map(\.key.text) == ["/d/both", "/d/here", "/d/there", "/d/a", "/d/z"])
        #expect(plan.lines.map(\.sync.source) == [.local, .local, .download, .run, .run])
        #expect(plan.lines.map(\.sync.uploads) == [true, true, false, true, true])
        #expect(LuisyPlan(knowledge, keys: [here], download: true, upload: true).lines.map(\.key) == [here])
    }

    @Test func `a value that is no string is the hash of other code`() throws {
        var knowledge = try knowledge()
        knowledge.local = try LuisyManifest(json: Array(#"{"/d/here": 12}"#.utf8))
        knowledge.given = [here: "12345"]
        #expect(
            LuisyPlan(knowledge, keys: [here], download: false, upload: false).lines.map(\.sync.deletesLocalFile) == [
                true
            ]
        )
        knowledge.given = [:]
        #expect(LuisyPlan(knowledge, keys: [here], download: false, upload: false).lines.isEmpty)
    }
}
