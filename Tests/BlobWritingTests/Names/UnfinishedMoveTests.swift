import BlobStorage
import TestSupport
import Testing

@testable import BlobWriting

/// Which of a blob and its copy goes when a directory's rename was cut short.
struct UnfinishedMoveTests {
    private func blob(_ etag: String, length: UInt64 = 3, md5: String? = nil, metadata: BlobMetadata = [:])
        -> BlobProperties
    {
        let version = BlobVersion(etag: ETag(etag), lastModified: 0)
        return BlobProperties(version: version, length: length, contentMD5: md5, metadata: metadata)
    }

    private func move(_ records: NameRecord...) -> UnfinishedMove {
        var move = UnfinishedMove(
            from: BlobAddress(container: "c", name: "old/"),
            to: BlobAddress(container: "c", name: "new/")
        )
        for record in records { move.apply(record) }
        return move
    }

    private let s = ETag("s")
    private let c = ETag("c")

    @Test func `while copies are missing, a copy goes whose source stands`() {
        let move = move(.copying(s), .copied(s, c))
        #expect(move.goingSide.name == "new/" && move.stayingSide.name == "old/")
        #expect(move.deletes(blob("c"), twin: blob("s")))
        // Somebody wrote there; or it is no longer what was copied.
        #expect(!move.deletes(blob("theirs"), twin: blob("s")))
        #expect(!move.deletes(blob("c"), twin: blob("newer")))
    }

    @Test func `once all stand, a source goes whose copy stands`() {
        let move = move(.copying(s), .copied(s, c), .allCopied)
        #expect(move.goingSide.name == "old/" && move.stayingSide.name == "new/")
        #expect(move.deletes(blob("s"), twin: blob("c")))
        #expect(!move.deletes(blob("rewritten"), twin: blob("c")))
        #expect(!move.deletes(blob("s"), twin: blob("changed")))
    }

    @Test func `a copy of which nobody heard is known by all that a copy takes over`() {
        let move = move(.copying(s))
        let source = blob("s", md5: "m", metadata: ["a": "b"])
        #expect(move.deletes(blob("any", md5: "m", metadata: ["a": "b"]), twin: source))
        #expect(!move.deletes(blob("any", length: 4, md5: "m", metadata: ["a": "b"]), twin: source))
        #expect(!move.deletes(blob("any", md5: "n", metadata: ["a": "b"]), twin: source))
        #expect(!move.deletes(blob("any", md5: "m"), twin: source))
        // Of one that was never begun there is no copy.
        #expect(!self.move().deletes(blob("any", md5: "m", metadata: ["a": "b"]), twin: source))
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `one of the two names is left complete, with what others put there`(isCopied: Bool) async throws {
        let store = MemoryStore(containers: ["c"], habits: ListingHabits(pageSizeMax: 3, insertsEmptyPages: true))
        var move = move()
        func put(_ name: String, _ text: String) -> ETag? {
            let address = BlobAddress(container: "c", name: name)
            store.add(address, Array(text.utf8))
            return store.storedProperties(of: address)?.version.etag
        }
        for name in ["", "/1", "/2", "/3", "/4", "/5", "/6"] {
            let source = try #require(put("old" + name, name))
            let copy = try #require(put("new" + name, name))
            move.apply(.copying(source))
            move.apply(.copied(source, copy))
        }
        if isCopied { move.apply(.allCopied) }
        let (going, staying) = isCopied ? ("old", "new") : ("new", "old")
        store.remove(BlobAddress(container: "c", name: staying + "/2"))
        _ = put(going + "/3", "theirs")
        _ = put(going + "/own", "own")
        try await MoveResolver(move, store: store).run { _ in }
        #expect(store.blobNames(in: "c").filter { $0.hasPrefix(going) } == ["/2", "/3", "/own"].map { going + $0 })
        #expect(store.blobNames(in: "c").filter { $0.hasPrefix(staying) }.count == 6)
    }
}
