import BlobStorage
import FileSystemModel
import HandOver
import Synchronization

/// The files that were looked up last, for the process that follows this one.
///
/// A call that goes by path looks its file up and then asks by the id that it got. The kernel takes ESTALE for that
/// id once, looks up anew, and gives the second ESTALE to the program: with processes that are killed one soon after the
/// other, that is between the two. As many calls as there are places here may be between the two at a time. 0.3 µs
/// a lookup, 60 KB in all; names that a listing hands out are not noted, for the kernel's first ESTALE is enough for those.
final class RecentLookups: Sendable {
    static let countMax: UInt64 = 256

    private let survivors: Survivors
    private let count: Atomic<UInt64>

    init(_ survivors: Survivors) {
        self.survivors = survivors
        count = Atomic(UInt64(survivors.entries(.lookup).count))
    }

    func note(_ node: NodeID, inode: UInt64, _ address: BlobAddress, _ facts: FileFacts) {
        let place = count.wrappingAdd(1, ordering: .relaxed).oldValue % Self.countMax
        var writer = RecordWriter()
        writer.add(node.rawValue)
        writer.add(inode)
        writer.add(address.container)
        writer.add(address.name)
        facts.write(to: &writer)
        survivors.set(.lookup, place, writer.bytes)
    }
}

/// A file that the process before had looked up, and that nobody may have open.
struct RecalledFile {
    let node: NodeID
    let inode: UInt64
    let state: FileState

    init?(_ bytes: [UInt8]) {
        var reader = RecordReader(bytes)
        guard let node = reader.integer(UInt64.self), let inode = reader.integer(UInt64.self),
            let container = reader.text(), let name = reader.text(), let facts = FileFacts(reading: &reader)
        else { return nil }
        (self.node, self.inode) = (NodeID(rawValue: node), inode)
        let address = BlobAddress(container: container, name: name)
        state = FileState(address: address, facts: facts, learnedAt: FileState.recalled)
    }
}

extension FileState {
    /// Before any time at which something is learned.
    static let recalled = Duration.seconds(-86_400)

    /// Known from the process before only: name and version may have changed since, and the store is asked before anything
    /// builds on them.
    var isRecalled: Bool { learnedAt < .zero }
}
