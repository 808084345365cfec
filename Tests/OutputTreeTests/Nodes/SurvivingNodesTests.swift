import BlobStorage
import FileSystemModel
import Glibc
import HandOver
import OutputConventions
import TestSupport
import Testing

@testable import OutputTree

/// What the next process knows of nodes that this one gave to the kernel.
final class SurvivingNodesTests {
    private let memory = Survivors.makeMemory()

    deinit { close(memory) }

    private func survivors() throws -> Survivors { try #require(Survivors(descriptor: memory)) }

    private func table() throws -> NodeTable { NodeTable(unsent: UnsentFiles(), survivors: try survivors()) }

    /// The table of the next process, with what it found.
    private func nextTable() throws -> (NodeTable, [NodeID: FileNode]) {
        let survivors = try survivors()
        let table = NodeTable(unsent: UnsentFiles(), survivors: survivors)
        let directories = survivors.entries(.directory).compactMap { SurvivingDirectory($0.key, $0.bytes) }
        let files = survivors.entries(.file).compactMap { SurvivingFile($0.key, $0.bytes, learnedAt: .zero) }
        return (table, table.restore(directories, files.map { ($0.node, $0.inode, $0.state) }))
    }

    private let facts = FileFacts(
        BlobProperties(
            version: BlobVersion(etag: ETag("\"0x8DE\""), lastModified: 1_700_000_000),
            length: 77,
            contentMD5: "AAECAwQFBgcICQoLDA0ODw==",
            metadata: ["permissions": "33188", "modtime": "1700000000123456789"]
        )
    )

    private func place(_ path: String) -> TreePlace { .folder(.containers, container: "c", prefix: path) }

    @Test func `directories keep their ids, and ids of files that were known are nobody's`() throws {
        let first = try table()
        let directories = (0..<5_000).map { first.lookUp(directory: place("d\($0)/"), facts: nil) }
        let file = first.lookUpNode(file: BlobAddress(container: "c", name: "f"), facts: facts, startedAt: .zero)
        let (next, _) = try nextTable()
        for (number, directory) in directories.enumerated() {
            #expect(next.directory(directory.id)?.place == place("d\(number)/"))
            #expect(next.lookUp(directory: place("d\(number)/"), facts: nil).id == directory.id)
        }
        #expect(next[file.id] == nil)
        #expect(next.directory(.root)?.place == .root)
        #expect(next.selfLink == first.selfLink)
    }

    @Test func `no id is given out twice in any life`() throws {
        var random = SeededRandom(seed: testSeed())
        var known: Set<UInt64> = []
        for life in 0..<6 {
            let (table, _) = try nextTable()
            var held: [NodeID] = []
            for step in 0..<4_000 {
                if step.isMultiple(of: 3), let index = held.indices.randomElement(using: &random) {
                    held.swapAt(index, held.count - 1)
                    table.forget(held.removeLast(), count: 1)
                } else {
                    let address = BlobAddress(container: "c", name: "f\(life)-\(step)")
                    let node = table.lookUpNode(file: address, facts: facts, startedAt: .zero)
                    #expect(known.insert(node.id.rawValue).inserted)
                    held.append(node.id)
                }
            }
        }
    }

    @Test func `a directory that was renamed keeps its inode, and one that was forgotten is not kept`() throws {
        let first = try table()
        let old = first.lookUp(directory: place("old/"), facts: nil)
        let gone = first.lookUp(directory: place("gone/"), facts: nil)
        let new = place("new/")
        first.moveDirectories { [self] in $0 == place("old/") ? new : nil }
        first.forget(gone.id, count: 1)
        let (next, _) = try nextTable()
        let found = next.lookUp(directory: new, facts: nil)
        #expect(found.id == old.id && found.inode == old.inode)
        #expect(next[gone.id] == nil)
    }

    @Test func `an open file is known with its version and what was set, until it is closed`() throws {
        let first = try table()
        let address = BlobAddress(container: "c", name: "a/é")
        let node = first.lookUpNode(file: address, facts: facts, startedAt: .zero)
        node.withState { file in
            file.openCount += 1
            file.pending.permissions = 0o640
            file.pending.modificationTime = Timestamp(seconds: 7, nanoseconds: 9)
            file.pending.hasExplicitTime = true
            file.pending.extended = ["x": "1", "y": nil]
            file.isDetached = true
        }
        let (_, files) = try nextTable()
        let state = try #require(files[node.id]).withState { $0 }
        #expect(state.address == address)
        #expect(state.facts == facts)
        #expect(state.isDetached && !state.isUnlinked)
        #expect(state.pending == node.withState { $0.pending })
        #expect(files[node.id]?.inode == node.inode)
        node.withState { $0.openCount -= 1 }
        #expect(try survivors().entries(.file).isEmpty)
    }

    @Test func `what does not change is not told again`() throws {
        let table = try table()
        let node = table.lookUpNode(file: BlobAddress(container: "c", name: "f"), facts: facts, startedAt: .zero)
        node.withState { $0.openCount += 1 }
        let before = try survivors().logSize
        for second in 0..<100 {
            node.withState { file in
                file.pending.modificationTime = Timestamp(seconds: Int64(second))
                file.isUnlinked = false
            }
        }
        #expect(try survivors().logSize == before)
    }

    private func file(_ change: (inout FileState) -> Void, journal: Bool = true) throws -> SurvivingFile {
        var writer = RecordWriter()
        writer.add(UInt64(1))
        writer.add("c")
        writer.add("f")
        writer.add(UInt16(0))
        writer.add(false)
        writer.add(journal ? "1-1" : String?.none) { $0.add($1) }
        for _ in 0..<4 { writer.add(false) }
        writer.add(false)
        writer.add(UInt32(0))
        var file = try #require(SurvivingFile(1, writer.bytes, learnedAt: .zero))
        change(&file.state)
        return file
    }

    /// The case's name.
    private func plan(_ change: (inout FileState) -> Void, journal: Bool = true) throws -> String {
        switch try file(change, journal: journal).plan(nil) {
        case .clean: "clean"
        case .sent: "sent"
        case .stored: "stored"
        case .empty: "empty"
        case .goOn: "goOn"
        case .lost: "lost"
        }
    }

    @Test func `bytes that are nowhere are lost, and a file without any is not`() throws {
        #expect(try plan({ $0.facts = facts }, journal: false) == "clean")
        #expect(try plan({ $0.facts = facts }) == "clean")
        #expect(try plan({ $0.isPlacementPending = true }) == "empty")
        #expect(try plan({ ($0.facts, $0.isPlacementPending) = (facts, true) }) == "empty")
        #expect(try plan({ $0.hasWrites = true }) == "lost")
        #expect(try plan({ ($0.facts, $0.hasWrites) = (facts, true) }) == "lost")
        #expect(try plan({ $0.isUnlinked = true }) == "lost")
        #expect(try plan({ $0.isOvertaken = true }) == "lost")
    }
}
