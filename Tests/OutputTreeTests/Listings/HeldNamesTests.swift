import BlobStorage
import FileSystemModel
import FileSystemSuite
import OutputConventions
import TestSupport
import Testing

@testable import OutputTree

/// Names become final while a listing goes by, and the pages show what the whole listing would.
@Suite("Pages of a listing", .timeLimit(.minutes(5)))
struct HeldNamesTests {
    private static let facts = FileFacts(
        BlobProperties(version: BlobVersion(etag: ETag("\"0x1\""), lastModified: 0), length: 1)
    )

    /// What a listing of these names lets go of, each with the number of names that had gone by.
    private func finals(_ names: String...) -> [String] {
        var held = HeldNames()
        var lines: [String] = []
        func note(_ line: HeldNames.Line, _ count: Int) {
            let name = String(decoding: line.name, as: UTF8.self)
            switch line.what {
            case .file: lines.append("\(count) \(name)")
            case .directory: lines.append("\(count) \(name)/")
            case .shadowedFile: lines.append("\(count) (\(name))")
            }
        }
        for (index, name) in names.enumerated() {
            let bytes = Array(name.utf8)
            let isInOrder =
                name.hasSuffix("/")
                ? held.pass(prefix: bytes, learnedAt: .zero) { note($0, index + 1) }
                : held.pass(blob: bytes, Self.facts, learnedAt: .zero) { note($0, index + 1) }
            if !isInOrder { lines.append("\(index + 1) back") }
        }
        held.finish { note($0, names.count + 1) }
        return lines
    }

    @Test func `a blob is held back until its name with a slash has passed`() {
        #expect(finals("a", "a!", "a-b", "a.c", "a/", "a0") == ["3 a!", "4 a-b", "5 a.c", "5 a/", "5 (a)", "7 a0"])
        #expect(finals("a", "a-b", "b") == ["3 a-b", "3 a", "4 b"])
        #expect(finals("a", "a0", "b") == ["2 a", "3 a0", "4 b"])
    }

    @Test func `what is held is a chain of beginnings`() {
        #expect(
            finals("a", "a-", "a--", "a--/", "a-/", "a/") == ["4 a--/", "4 (a--)", "5 a-/", "5 (a-)", "6 a/", "6 (a)"]
        )
    }

    @Test func `a prefix that comes again is one directory, and a listing that goes back is found out`() {
        #expect(finals("a/", "a/", "b/") == ["1 a/", "3 b/"])
        #expect(finals("b", "a") == ["2 back", "3 b"])
    }

    // MARK: Against the whole listing

    /// Characters before, at and after the slash, and some that need an escape.
    private static let alphabet = ["a", "b", "-", ".", "!", "0", "/", "%", "\\", "é"]

    private func randomName(_ random: inout SeededRandom) -> String {
        var name = Self.alphabet[Int.random(in: 0..<2, using: &random)]
        for _ in 0..<Int.random(in: 0..<5, using: &random) {
            name += Self.alphabet[Int.random(in: 0..<Self.alphabet.count, using: &random)]
        }
        if Int.random(in: 0..<12, using: &random) == 0 { name += String(repeating: "x", count: 260) }
        return name
    }

    private struct Shown: Hashable, CustomStringConvertible {
        var name: String
        var kind: FileKind
        var size: UInt64?
        var description: String { "\(name):\(kind):\(size ?? 0)" }
    }

    @Test(arguments: 0..<60)
    func `pages show what the whole listing would, whatever their size`(_ run: Int) async throws {
        let seed = testSeed() &+ UInt64(run)
        try await onOwnThread {
            var random = SeededRandom(seed: seed)
            let habits = ListingHabits(
                pageSizeMax: Int.random(in: 1..<8, using: &random),
                insertsEmptyPages: Bool.random(using: &random),
                repeatsPrefixes: Bool.random(using: &random),
                sendsPrefixesFirst: Bool.random(using: &random)
            )
            let world = try TreeWorld(keepsNames: true, habits: habits)
            defer { world.end() }
            var names: Set<NameBytes> = []
            for number in 0..<Int.random(in: 1..<40, using: &random) {
                let name = randomName(&random)
                let isMarker = Int.random(in: 0..<5, using: &random) == 0
                let address = BlobAddress(container: "box", name: "d/" + name)
                let bytes = isMarker ? [] : [UInt8](repeating: 0, count: number + 1)
                world.store.add(address, bytes, metadata: isMarker ? ["hdi_isfolder": "true"] : [:])
                names.insert(NameBytes(name))
            }
            let place = TreePlace.folder(.containers, container: "box", prefix: "d/")
            let expected = try whole(place, of: world.store)
            let reader = try DirectoryReader(world.kernel, "containers/box/d")
            let lines = try reader.readAll(capacity: Int.random(in: 1..<6, using: &random), withAttributes: true)
            #expect(Set(lines.map(\.name)).count == lines.count, "seed \(seed)")
            let shown = lines.map { Shown(name: $0.name, kind: $0.kind, size: $0.kind == .directory ? 0 : $0.size) }
            #expect(Set(shown) == Set(expected), "seed \(seed)")
            // Names that are there are found in the pages, and others are not.
            world.store.resetCounts()
            for line in expected where !line.name.hasSuffix("%more") {
                let size = try reader.lookup(line.name)
                #expect(line.kind == .directory ? size == 4096 : size == line.size, "seed \(seed): \(line)")
            }
            let asked = world.store.counts
            #expect(asked.isEmpty, "seed \(seed)")
            for name in ["none", "a-none", "a.", "b!!!"] where !expected.contains(where: { $0.name == name }) {
                #expect(try reader.lookup(name) == nil, "seed \(seed)")
            }
            reader.close()
        }
    }

    /// The model: all of the listing at once.
    private func whole(_ place: TreePlace, of store: MemoryStore) throws -> [Shown] {
        let items = try blocking { () async throws -> [ListedItem] in
            var items: [ListedItem] = []
            var marker: ListMarker?
            repeat {
                let query = BlobQuery(container: "box", prefix: "d/", delimiter: "/", includesMetadata: true)
                let page = try await store.listBlobs(query, after: marker)
                items += page.items
                marker = page.next
            } while marker != nil
            return items
        }
        var builder = SnapshotBuilder(of: place)
        for item in items { builder.add(SnapshotBuilder.Item(item)) }
        return builder.finish(startedAt: .zero, isComplete: true).entries.map { entry in
            let isDirectory = entry.place.isDirectory
            return Shown(
                name: entry.name.string,
                kind: isDirectory ? .directory : entry.facts?.kind ?? .file,
                size: isDirectory ? 0 : entry.facts?.length
            )
        }
    }
}
