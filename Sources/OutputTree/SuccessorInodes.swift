import BlobStorage

/// The inode numbers of versions that took another one's place, as long as somebody knows the other one.
///
/// The kernel that meets another node under a name forgets it at once and looks the name up again: the number must
/// outlive the node. Who has the old version open compares numbers at any later time.
struct SuccessorInodes: Sendable {
    private struct Entry {
        var inode: UInt64
        /// Slots of the versions before, of which the kernel knows at least one.
        var predecessors: Set<UInt32>
    }

    private var entries: [BlobAddress: Entry] = [:]
    private var addresses: [UInt32: BlobAddress] = [:]

    subscript(address: BlobAddress) -> UInt64? { entries.isEmpty ? nil : entries[address]?.inode }

    mutating func replace(_ slot: UInt32, at address: BlobAddress, by inode: UInt64) {
        entries[address, default: Entry(inode: inode, predecessors: [])].inode = inode
        entries[address]?.predecessors.insert(slot)
        addresses[slot] = address
    }

    /// Nobody knows the node any more.
    mutating func forget(_ slot: UInt32) {
        guard !addresses.isEmpty, let address = addresses.removeValue(forKey: slot) else { return }
        entries[address]?.predecessors.remove(slot)
        if entries[address]?.predecessors.isEmpty == true { entries[address] = nil }
    }
}
