import BlobStorage
import FileSystemModel
import OutputConventions

/// What the table does with files and directories one by one.
extension NodeTableState {
    // MARK: Telling

    /// `nil` if the slot is no file's.
    func knownFile(_ slot: UInt32) -> KnownFile? {
        switch record(slot).pointee.content {
        case .file(let file):
            .dormant(
                slots.id(of: slot),
                inode: inode(of: slot),
                file.facts,
                learnedAt: file.learnedAt,
                isShadowed: file.isShadowed
            )
        case .liveFile(let number): live.file(number).map { .node($0) }
        case .directory, .liveDirectory, .selfLink, .free: nil
        }
    }

    func knownDirectory(_ slot: UInt32) -> KnownDirectory {
        switch record(slot).pointee.content {
        case .liveDirectory(let number):
            let node = live.directory(number)
            return KnownDirectory(
                id: slots.id(of: slot),
                inode: node?.inode ?? 0,
                facts: node?.withState { $0.facts }
            )
        case .directory(let facts): return KnownDirectory(id: slots.id(of: slot), inode: inode(of: slot), facts: facts)
        case .file, .liveFile, .selfLink, .free:
            return KnownDirectory(id: slots.id(of: slot), inode: inode(of: slot), facts: nil)
        }
    }

    // MARK: Learning

    /// Counts a lookup of the file that stands for this version.
    ///
    /// A version that takes another one's place has another `st_ino`, as a file that was renamed over another: by that
    /// `tail -F` and its like tell that it is not the file that they have open.
    mutating func lookUp(file address: BlobAddress, _ facts: FileFacts, _ startedAt: Duration) -> UInt32 {
        let facts = facts.with(address)
        let known = slot(of: address)
        if let known, observe(known, facts, startedAt) != .replaced {
            record(known).pointee.countLookup()
            return known
        }
        let file = DormantFile(facts: facts, learnedAt: startedAt, isShadowed: false, hasPages: false)
        let slot = insert(file: address, .file(file))
        if let known {
            let own = StableInode.number(String(StableInode.number(of: address)), facts.etag.text)
            successors.replace(known, at: address, by: own)
        }
        if let own = successors[address] { keepInode(own, of: slot) }
        record(slot).pointee.countLookup()
        return slot
    }

    private func observe(_ slot: UInt32, _ facts: FileFacts, _ startedAt: Duration) -> VersionRelation {
        switch record(slot).pointee.content {
        case .file(var file):
            let relation = file.observe(facts, startedAt: startedAt)
            record(slot).pointee.content = .file(file)
            return relation
        case .liveFile(let number):
            return live.file(number)?.withState { $0.observe(facts, startedAt: startedAt) } ?? .replaced
        case .directory, .liveDirectory, .selfLink, .free: return .replaced
        }
    }

    func markShadowed(_ slot: UInt32) {
        switch record(slot).pointee.content {
        case .file(var file):
            file.isShadowed = true
            record(slot).pointee.content = .file(file)
        case .liveFile(let number): live.file(number)?.withState { $0.isShadowed = true }
        case .directory, .liveDirectory, .selfLink, .free: break
        }
    }

    func learn(_ facts: FileFacts, ofDirectory slot: UInt32) {
        switch record(slot).pointee.content {
        case .directory: record(slot).pointee.content = .directory(facts)
        case .liveDirectory(let number): live.directory(number)?.withState { $0.facts = facts }
        case .file, .liveFile, .selfLink, .free: break
        }
    }

    /// A file of which more is known than a record holds; its lookup is counted.
    mutating func insert(_ file: FileState) -> FileNode {
        // The object needs the id, and the id the slot.
        let slot = insert(file: file.address, .free(next: 0))
        let node = FileNode(id: slots.id(of: slot), inode: inode(of: slot), file, survivors: survivors)
        record(slot).pointee.content = .liveFile(live.insert(node, slot: slot))
        record(slot).pointee.countLookup()
        return node
    }

    // MARK: Renaming

    /// The directory keeps its inode number; what was listed of it is no longer true.
    mutating func move(directory slot: UInt32, to place: TreePlace) {
        let inode = inode(of: slot)
        removeFromIndex(slot)
        setPlace(place, of: slot)
        survivors?.set(directory: slots.id(of: slot), place, inode: inode)
        if case .liveDirectory(let number) = record(slot).pointee.content {
            live.directory(number)?.move(to: place)
        } else {
            keepInode(inode, of: slot)
        }
    }

    /// All files with a name that begins so: those that are looked up under it, and those that have an object.
    mutating func wakeFiles(below start: BlobAddress) -> [FileNode] {
        let isBelow = prefixes.relations(to: start)
        for slot in files.slots {
            guard case .file = record(slot).pointee.content else { continue }
            switch isBelow[Int(record(slot).pointee.prefix)] {
            case .all: break
            case .some:
                let address = address(of: slot)
                guard address.name.utf8.starts(with: start.name.utf8) else { continue }
            case .none: continue
            }
            _ = wakeFile(slot)
        }
        return live.files.filter { node in
            node.withState { file in
                !file.isUnlinked && file.address.container.utf8.elementsEqual(start.container.utf8)
                    && file.address.name.utf8.starts(with: start.name.utf8)
            }
        }
    }
}
