import Testing

@testable import BlobEmulator

/// A generator that gives the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

struct NameIndexTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `the index agrees with a sorted dictionary`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        var index = NameIndex<Int>()
        var model: [Name: Int] = [:]
        for step in 0..<6000 {
            let name = Name(String(Int.random(in: 0..<2500, using: &generator), radix: 36))
            if Int.random(in: 0..<3, using: &generator) == 0 {
                index.remove(name)
                model[name] = nil
            } else {
                index.insert(step, for: name)
                model[name] = step
            }
        }
        #expect(index.count == model.count, "seed \(seed)")
        var walked: [(Name, Int)] = []
        var position = index.start
        while let entry = index[position] {
            walked.append((entry.name, entry.value))
            position = index.position(after: position)
        }
        let sorted = model.sorted { $0.key < $1.key }
        #expect(walked.map(\.0) == sorted.map(\.key), "seed \(seed)")
        #expect(walked.map(\.1) == sorted.map(\.value), "seed \(seed)")
        for _ in 0..<500 {
            let name = Name(String(Int.random(in: 0..<2500, using: &generator), radix: 36))
            #expect(index[name] == model[name], "seed \(seed)")
            let bound = index[index.lowerBound(name)]?.name
            #expect(bound == sorted.first { $0.key >= name }?.key, "seed \(seed)")
        }
    }

    @Test
    func `names that come in order fill the chunks`() {
        var index = NameIndex<Int>()
        for number in 0..<20_000 { index.insert(number, for: Name(padded(Int64(number), 6))) }
        #expect(index.count == 20_000)
        #expect(index[Name("012345")] == 12_345)
    }
}

struct BlobListingTests {
    private func index(_ names: [String], snapshots: Int = 0, uncommitted: Set<String> = []) -> NameIndex<BlobNode> {
        var index = NameIndex<BlobNode>()
        for name in names {
            let node = BlobNode()
            let blob = Blob(
                kind: .block,
                etag: ETag(ticks: 1),
                modified: Timestamp(seconds: 0),
                created: Timestamp(seconds: 0)
            )
            if uncommitted.contains(name) { node.staged = StagedBlocks() } else { node.current = blob }
            node.snapshots = (0..<snapshots).map { Snapshot(time: Timestamp(seconds: Int64($0)), blob: blob) }
            index.insert(node, for: Name(name))
        }
        return index
    }

    private func describe(_ entry: ListingPage.Entry) -> String {
        switch entry {
        case .blob(let name, _, _): name.text
        case .snapshot(let name, let time, _): "\(name.text)@\(time.seconds)"
        case .uncommitted(let name): name.text + "?"
        case .deleted(let name, _): name.text + "-"
        case .prefix(let name): name.text + "*"
        case .directory(let name, _): name.text + "/"
        }
    }

    private func all(_ index: NameIndex<BlobNode>, _ query: ListingQuery) throws -> [String] {
        var query = query
        var entries: [String] = []
        for _ in 0..<1000 {
            let page = index.page(query)
            #expect(page.entries.count <= query.limit)
            entries += page.entries.map(describe)
            guard let next = page.next else { return entries }
            // What goes over the wire is the text.
            let marker: ListMarker = try #require(ListMarker(next.text))
            query.start = marker
        }
        Issue.record("the listing does not end")
        return entries
    }

    @Test(arguments: 1...8)
    func `pages of every size add up to the same`(limit: Int) throws {
        let index = index(["a", "a-b", "a/1", "a/2/x", "a/2/y", "b/", "b/c", "d", "日本/1", "日本/2"])
        var query = ListingQuery()
        query.limit = limit
        #expect(
            try all(index, query) == ["a", "a-b", "a/1", "a/2/x", "a/2/y", "b/", "b/c", "d", "日本/1", "日本/2"]
        )
        query.delimiter = Array("/".utf8)
        #expect(try all(index, query) == ["a", "a-b", "a/*", "b/*", "d", "日本/*"])
        query.prefix = Name("a/")
        #expect(try all(index, query) == ["a/1", "a/2/*"])
    }

    @Test(arguments: 1...5)
    func `snapshots come before their blob and may be split over pages`(limit: Int) throws {
        var query = ListingQuery()
        query.limit = limit
        query.includesSnapshots = true
        #expect(
            try all(index(["a", "b"], snapshots: 2), query) == ["a@0", "a@1", "a", "b@0", "b@1", "b"]
        )
    }

    @Test
    func `uncommitted blobs are there only for those who ask`() throws {
        let index = index(["a/x", "b", "c/y"], uncommitted: ["a/x", "b"])
        var query = ListingQuery()
        query.delimiter = Array("/".utf8)
        #expect(try all(index, query) == ["c/*"])
        query.includesUncommitted = true
        #expect(try all(index, query) == ["a/*", "b?", "c/*"])
    }

    @Test
    func `an empty page still tells where to go on`() throws {
        var query = ListingQuery()
        query.limit = 0
        let page = index(["a"]).page(query)
        #expect(page.entries.isEmpty)
        #expect(page.next?.name == Name("a"))
    }

    @Test(arguments: ["", "garbage", "2!3!xyz", "1!4!AAAA", "2!4!!!!!"])
    func `markers of strangers are refused`(text: String) {
        #expect(ListMarker(text) == nil)
    }
}

struct ContentTests {
    private func extent(_ bytes: [UInt8]) -> Extent {
        Extent(id: 1, length: bytes.count, place: .memory(ExtentMemory.copy(of: bytes)))
    }

    private func bytes(_ slices: [StoredSlice]) -> [UInt8] {
        var bytes: [UInt8] = []
        for slice in slices { slice.forEachPiece { bytes.append(contentsOf: $0) } }
        return bytes
    }

    @Test(arguments: [11, 12] as [UInt64])
    func `any part of any content has the right bytes`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        let source = extent((0..<1000).map { UInt8(truncatingIfNeeded: $0) })
        var content = Content()
        var model: [UInt8] = []
        for _ in 0..<40 {
            let start = Int.random(in: 0..<900, using: &generator)
            let length = Int.random(in: 0..<100, using: &generator)
            content.append(StoredSlice(extent: source, offset: start, length: length))
            model += (start..<start + length).map { UInt8(truncatingIfNeeded: $0) }
        }
        #expect(content.length == model.count)
        for _ in 0..<200 {
            let low = Int.random(in: 0...model.count, using: &generator)
            let high = Int.random(in: low...model.count, using: &generator)
            #expect(bytes(content.slices(in: low..<high)) == Array(model[low..<high]), "seed \(seed)")
        }
        content.replace(at: 100, with: StoredSlice(extent: .zeros, offset: 0, length: 50))
        model.replaceSubrange(100..<150, with: [UInt8](repeating: 0, count: 50))
        #expect(bytes(content.slices(in: 0..<model.count)) == model)
    }

    @Test
    func `neighbours in one extent become one piece`() {
        let source = extent([1, 2, 3, 4])
        var content = Content()
        content.append(StoredSlice(extent: source, offset: 0, length: 2))
        content.append(StoredSlice(extent: source, offset: 2, length: 2))
        #expect(content.sliceCount == 1)
        #expect(content.length == 4)
    }
}
