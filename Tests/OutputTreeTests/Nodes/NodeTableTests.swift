import BlobStorage
import FileSystemModel
import OutputConventions
import TestSupport
import Testing

@testable import OutputTree

@Suite struct NodeTableTests {
    private let table = NodeTable(unsent: UnsentFiles(), liveCountMax: 0)

    private func facts(
        _ etag: String = "\"0x1\"",
        length: UInt64 = 5,
        type: BlobType = .block,
        md5: String? = nil
    ) -> FileFacts {
        FileFacts(
            BlobProperties(
                version: BlobVersion(etag: ETag(etag), lastModified: 7),
                length: length,
                type: type,
                creationTime: 1,
                contentMD5: md5
            )
        )
    }

    private func blob(_ name: String) -> BlobAddress { BlobAddress(container: "c", name: name) }

    private func lookUp(_ name: String, _ facts: FileFacts, at seconds: Int = 1) -> NodeID {
        switch table.lookUp(file: blob(name), facts: facts, startedAt: .seconds(seconds)) {
        case .node(let node): node.id
        case .dormant(let id, _, _, _, _): id
        }
    }

    @Test func `the root and self are always there`() {
        #expect(table.count == 2)
        table.forget(.root, count: .max)
        table.forget(table.selfLink, count: .max)
        #expect(table.directory(.root)?.place == .root)
        #expect(table.directory(.root)?.inode == StableInode.root)
        guard case .selfLink = table[table.selfLink] else {
            Issue.record("self is not there")
            return
        }
        #expect(table[NodeID(rawValue: 0)] == nil)
    }

    @Test func `looking up, stat and forgetting make no object`() throws {
        let id = lookUp("a/b", facts())
        guard case .file(.dormant(id, let inode, facts(), .seconds(1), false)) = table.known(id) else {
            Issue.record("\(String(describing: table.known(id)))")
            return
        }
        #expect(inode == StableInode.number(of: blob("a/b")))
        #expect(lookUp("a/b", facts(), at: 2) == id)
        #expect(table.liveCount == 0 && table.count == 3)
        table.forget(id, count: 1)
        #expect(table.known(id) != nil)
        table.forget(id, count: 1)
        #expect(table.known(id) == nil && table.count == 2)
    }

    @Test func `a late forget of an old node does not meet a new one`() {
        let old = lookUp("a", facts())
        table.forget(old, count: 1)
        let new = lookUp("b", facts())
        #expect(old != new)
        table.forget(old, count: 1)
        #expect(table.known(new) != nil && table.known(old) == nil)
    }

    @Test func `an object keeps what the record knew, and the record what the object knew`() throws {
        let id = lookUp("a/b", facts("\"0x1\"", md5: "x"))
        var node = table.file(id)
        #expect(node?.id == id && node?.address == blob("a/b"))
        #expect(table.file(id) === node)
        node?.withState { file in
            file.pageCacheVersion = ETag("\"0x1\"")
            file.isShadowed = true
        }
        node = nil
        // Anything that makes an object lets the hand of the clock go on; with a limit of none twice are enough.
        for name in ["x", "y", "z"] { _ = table.file(lookUp(name, facts())) }
        guard case .file(.dormant(_, _, _, _, isShadowed: true)) = table.known(id) else {
            Issue.record("\(String(describing: table.known(id)))")
            return
        }
        // Only metadata changed: the kernel's pages are right still.
        #expect(lookUp("a/b", facts("\"0x2\"", md5: "x"), at: 2) == id)
        #expect(table.file(id)?.withState { $0.pageCacheVersion } == ETag("\"0x2\""))
    }

    @Test func `the pages of a log that grew are not kept`() throws {
        let id = lookUp("log", facts("\"0x1\"", type: .append))
        table.file(id)?.withState { $0.pageCacheVersion = ETag("\"0x1\"") }
        for name in ["x", "y", "z"] { _ = table.file(lookUp(name, facts())) }
        #expect(lookUp("log", facts("\"0x2\"", length: 9, type: .append), at: 2) == id)
        let node = try #require(table.file(id))
        #expect(node.withState { $0.pageCacheVersion } == nil && node.withState { $0.size } == 9)
    }

    @Test func `another version is another node, and the old one is known until it is forgotten`() {
        let old = lookUp("a", facts("\"0x1\""))
        let new = lookUp("a", facts("\"0x2\""), at: 2)
        #expect(old != new && table.known(old) != nil)
        // What was asked for earlier does not bring the old one back.
        #expect(lookUp("a", facts("\"0x1\""), at: 1) == new)
        table.forget(old, count: 1)
        #expect(lookUp("a", facts("\"0x2\""), at: 3) == new)
        #expect(table.known(old) == nil)
    }

    @Test func `an object that somebody holds stays the one of its node`() throws {
        let id = lookUp("a", facts())
        let held = try #require(table.file(id))
        for index in 0..<100 { _ = table.file(lookUp("other-\(index)", facts())) }
        #expect(table.file(id) === held)
        // Forgotten, and looked up again by whoever holds it.
        table.forget(id, count: 1)
        #expect(table.file(at: blob("a")) === held)
        table.lookUp(held)
        #expect(table.count == 103)
        #expect(table.file(id) === held)
    }

    @Test func `a node that is forgotten while somebody holds it goes when he lets it go`() throws {
        let id = lookUp("a", facts())
        var held = table.file(id)
        table.forget(id, count: 1)
        #expect(table.count == 3 && held != nil)
        held = nil
        #expect(table.count == 2)
        #expect(table.known(id) == nil && table.known(at: blob("a")) == nil)
    }

    @Test(
        arguments: [
            { $0.openCount = 1 }, { $0.isPlacementPending = true }, { $0.pending.permissions = 0o600 },
            { $0.coversStoredBlob = true }, { $0.isRemovalPending = true }, { $0.isUnlinked = true },
            { $0.lastFailure = FileSystemError(errno: 5, "") },
        ] as [@Sendable (inout FileState) -> Void]
    )
    func `what a record cannot hold keeps its object`(_ change: @Sendable (inout FileState) -> Void) {
        let id = lookUp("a", facts())
        table.file(id)?.withState { change(&$0) }
        for index in 0..<100 { _ = table.file(lookUp("other-\(index)", facts())) }
        guard case .file(.node) = table.known(id) else {
            Issue.record("it is a record")
            return
        }
    }

    @Test func `a renamed file keeps its inode number as a record`() throws {
        let id = lookUp("d/a", facts())
        table.move(try #require(table.file(id)), to: blob("e/b")) { _ in }
        for name in ["x", "y", "z"] { _ = table.file(lookUp(name, facts())) }
        guard case .dormant(id, StableInode.number(of: blob("d/a")), _, _, _) = table.known(at: blob("e/b")) else {
            Issue.record("\(String(describing: table.known(at: blob("e/b"))))")
            return
        }
        #expect(table.known(at: blob("d/a")) == nil)
        #expect(table.file(id)?.inode == StableInode.number(of: blob("d/a")))
        #expect(table.file(id)?.address == blob("e/b"))
    }

    @Test func `directories are records as well, each kind of place its own`() throws {
        let places: [TreePlace] = [
            .view(.jobs), .view(.containers), .container(.jobs, container: "c"),
            .container(.containers, container: "c"),
            .tasks(container: "c"), .task(container: "c", task: "t"), .folder(.jobs, container: "c", prefix: "t/"),
            .folder(.containers, container: "c", prefix: "t/"), .folder(.containers, container: "c", prefix: "t/é/"),
        ]
        let known = places.map { table.lookUp(directory: $0, facts: nil) }
        #expect(Set(known.map(\.id)).count == places.count)
        #expect(table.liveCount == 0)
        for (place, known) in zip(places, known) {
            #expect(known.inode == StableInode.number(of: place))
            #expect(table.lookUp(directory: place, facts: facts()).id == known.id)
            #expect(table.knows(directory: place) && table.directory(at: place) == nil)
            #expect(table.directory(known.id)?.place == place)
            #expect(table.directory(known.id)?.withState { $0.facts } == facts())
            table.forget(known.id, count: 2)
        }
        #expect(table.count == 2)
        #expect(!table.knows(directory: places[0]))
    }

    @Test func `directories that move keep id and inode number, as records and with objects`() throws {
        func place(_ prefix: String) -> TreePlace { .folder(.containers, container: "c", prefix: prefix) }
        let record = table.lookUp(directory: place("old/a/"), facts: facts())
        let live = table.lookUp(directory: place("old/b/"), facts: nil)
        let object = try #require(table.directory(live.id))
        table.moveDirectories { known in
            known == place("old/a/") ? place("new/a/") : known == place("old/b/") ? place("new/b/") : nil
        }
        #expect(object.place == place("new/b/"))
        #expect(table.lookUp(directory: place("new/a/"), facts: nil).id == record.id)
        #expect(table.lookUp(directory: place("new/a/"), facts: nil).inode == record.inode)
        #expect(table.lookUp(directory: place("new/b/"), facts: nil).inode == live.inode)
        #expect(!table.knows(directory: place("old/a/")) && !table.knows(directory: place("old/b/")))
        #expect(table.directory(record.id)?.withState { $0.facts } == facts())
    }

    @Test func `a count of lookups that is full stays full`() {
        var record = NodeRecord(content: .selfLink, useCount: 0)
        record.lookups = .max - 1
        record.countLookup()
        record.countLookup()
        record.forget(.max)
        #expect(record.lookups == .max)
        record.lookups = 3
        record.forget(5)
        #expect(record.lookups == 0)
    }

    @Test func `names that are one to Unicode are two`() {
        #expect(lookUp("e\u{301}", facts()) != lookUp("\u{e9}", facts()))
        #expect(lookUp("d/", facts()) != lookUp("d", facts()))
        #expect(lookUp("a/b", facts()) == lookUp("a/b", facts()))
    }
}
