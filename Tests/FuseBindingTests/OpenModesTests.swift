import FileSystemModel
import Testing

@testable import FuseBinding

struct OpenModesTests {
    private let node = NodeID(rawValue: 5)

    @Test func `the first open with a backing file makes its inode passthrough`() {
        var modes = OpenModes()
        #expect(modes.wantsBacking(node))
        #expect(modes.open(node, id: 3, mayShareBacking: true) == .backed(id: 3))
        #expect(!modes.wantsBacking(node))
    }

    @Test func `later readers share the backing file, with or without one of their own`() {
        var modes = OpenModes()
        _ = modes.open(node, id: 3, mayShareBacking: true)
        #expect(modes.open(node, id: nil, mayShareBacking: true) == .backed(id: 3))
        #expect(modes.open(node, id: 4, mayShareBacking: true) == .backed(id: 3))
    }

    @Test func `a writer must not get at the backing file of readers`() {
        var modes = OpenModes()
        _ = modes.open(node, id: 3, mayShareBacking: true)
        #expect(modes.open(node, id: nil, mayShareBacking: false) == .refused)
        #expect(modes.release(node) == 3)  // the refused one was not counted
        #expect(modes.open(node, id: nil, mayShareBacking: false) == .ours)
    }

    @Test func `while an open is served by us, backing files are not used`() {
        var modes = OpenModes()
        #expect(modes.open(node, id: nil, mayShareBacking: false) == .ours)
        #expect(!modes.wantsBacking(node))
        #expect(modes.open(node, id: 3, mayShareBacking: true) == .ours)
        #expect(modes.release(node) == nil)
        #expect(!modes.wantsBacking(node))
        #expect(modes.release(node) == nil)
        #expect(modes.wantsBacking(node))
    }

    @Test func `the backing file is closed with the last release`() {
        var modes = OpenModes()
        _ = modes.open(node, id: 3, mayShareBacking: true)
        _ = modes.open(node, id: nil, mayShareBacking: true)
        #expect(modes.release(node) == nil)
        #expect(modes.release(node) == 3)
        #expect(modes.isEmpty)
        #expect(modes.release(node) == nil)
    }

    @Test func `inodes do not share their modes`() {
        var modes = OpenModes()
        _ = modes.open(node, id: 3, mayShareBacking: true)
        #expect(modes.open(NodeID(rawValue: 6), id: nil, mayShareBacking: false) == .ours)
    }
}
