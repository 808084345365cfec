import FileSystemModel

/// Nodes that an earlier process gave to the kernel.
extension NodeTableState {
    mutating func restore(_ directory: SurvivingDirectory, _ slot: UInt32) {
        setPlace(directory.place, of: slot)
        keepInode(directory.inode, of: slot)
        record(slot).pointee.lookups = .max
    }

    mutating func restore(_ file: FileState, inode: UInt64, _ slot: UInt32) -> FileNode {
        if !file.isUnlinked, !file.isDetached { setAddress(file.address, of: slot) }
        let node = FileNode(id: slots.id(of: slot), inode: inode, file, survivors: survivors)
        record(slot).pointee.content = .liveFile(live.insert(node, slot: slot))
        keepInode(inode, of: slot)
        record(slot).pointee.lookups = .max
        return node
    }
}

extension NodeID {
    var slotNumber: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}
