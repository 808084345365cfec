import BlobStorage
import FileSystemModel
import OutputConventions

/// Between record and object: a node gets an object when something is done with it, and is a record alone again when
/// nobody holds the object.
extension NodeTableState {
    /// The file's object; `nil` if the slot is no file's.
    mutating func wakeFile(_ slot: UInt32) -> FileNode? {
        switch record(slot).pointee.content {
        case .liveFile(let number):
            live.noteUse(number)
            return live.file(number)
        case .file(let dormant):
            var state = FileState(address: address(of: slot), facts: dormant.facts, learnedAt: dormant.learnedAt)
            state.isShadowed = dormant.isShadowed
            state.pageCacheVersion = dormant.hasPages ? dormant.facts.etag : nil
            let node = FileNode(id: slots.id(of: slot), inode: inode(of: slot), state, survivors: survivors)
            record(slot).pointee.content = .liveFile(live.insert(node, slot: slot))
            return node
        case .directory, .liveDirectory, .selfLink, .free: return nil
        }
    }

    /// The directory's object; `nil` if the slot is no directory's.
    mutating func wakeDirectory(_ slot: UInt32) -> DirectoryNode? {
        switch record(slot).pointee.content {
        case .liveDirectory(let number):
            live.noteUse(number)
            return live.directory(number)
        case .directory(let facts):
            guard let place = place(of: slot) else { return nil }
            let node = DirectoryNode(id: slots.id(of: slot), inode: inode(of: slot), place: place, facts: facts)
            record(slot).pointee.content = .liveDirectory(live.insert(node, slot: slot))
            return node
        case .file, .liveFile, .selfLink, .free: return nil
        }
    }

    /// Lets up to eight objects go if there are more than `countMax`. Those of directories that were listed after
    /// `since` keep what was listed.
    mutating func putToSleep(downTo countMax: Int, since: Duration) {
        var steps = 8
        while live.count > countMax, let number = live.next(steps: &steps) { putToSleep(number, since: since) }
    }

    private mutating func putToSleep(_ number: UInt32, since: Duration) {
        guard live.isUnreferenced(number) else { return }
        let slot = live.slot(number)
        let inode: UInt64
        if let node = live.file(number) {
            guard let dormant = node.withState({ $0.dormant }) else { return }
            inode = node.inode
            record(slot).pointee.content = .file(dormant)
        } else if let node = live.directory(number) {
            guard node.isIdle(since: since) else { return }
            inode = node.inode
            record(slot).pointee.content = .directory(node.withState { $0.facts })
        } else {
            return
        }
        keepInode(inode, of: slot)
        if let object = live.remove(number) { released.append(object) }
    }

    // MARK: Forgotten nodes

    /// Frees a node whose lookups are all forgotten, unless something of it is open or unsent: then `settle` comes.
    mutating func freeIfUnused(_ slot: UInt32) {
        let record = record(slot)
        guard record.pointee.lookups == 0 else { return }
        switch record.pointee.content {
        case .selfLink, .free: return
        case .file, .directory: free(slot)
        case .liveFile(let number):
            if live.file(number)?.withState({ $0.isBusy }) == true { return }
            freeOrRemember(number, slot)
        case .liveDirectory(let number): freeOrRemember(number, slot)
        }
    }

    /// Whoever holds the object may look it up again: it goes when nobody does.
    private mutating func freeOrRemember(_ number: UInt32, _ slot: UInt32) {
        guard live.isUnreferenced(number) else {
            live.noteOrphan(number)
            return
        }
        live.resolveOrphan(number)
        free(slot)
    }

    /// Looks again after nodes that somebody held when they were forgotten, at up to `countMax` of them.
    mutating func freeOrphans(countMax: Int) {
        for _ in 0..<min(countMax, live.orphanCount) {
            guard let number = live.nextOrphan() else { return }
            let slot = live.slot(number)
            let isBusy = live.file(number)?.withState { $0.isBusy } ?? false
            if record(slot).pointee.lookups > 0 || isBusy {
                live.resolveOrphan(number)
            } else if live.isUnreferenced(number) {
                live.resolveOrphan(number)
                free(slot)
            }
        }
    }
}
