import BlobStorage
import FileSystemModel
import Glibc
import HandOver
import OutputConventions

/// What the table's lock protects: the records and the ways to find them.
///
/// A file's record is found by container, prefix and name, as long as it stands for that blob; a directory's by its
/// kind and prefix. What is no longer in an index (unlinked, replaced) is still known by id, until it is forgotten.
struct NodeTableState {
    var slots: NodeSlots
    private(set) var prefixes = NamePrefixes()
    private(set) var files = SlotIndex()
    private(set) var directories = SlotIndex()
    var live = LiveNodes()
    var successors = SuccessorInodes()
    /// Objects that were let go: they end when the lock is free, as what they hold may take other locks.
    var released: [any AnyObject & Sendable] = []
    /// Where the process that follows this one finds directories, which others name their files by.
    let survivors: Survivors?

    init(survivors: Survivors? = nil) {
        self.survivors = survivors
        slots = NodeSlots(firstUseCount: UInt32(clamping: survivors?.mark(.node) ?? 0))
    }

    func record(_ slot: UInt32) -> UnsafeMutablePointer<NodeRecord> { slots.record(slot) }

    // MARK: Finding

    func slot(of address: BlobAddress) -> UInt32? {
        address.withParts { prefix, leaf in
            guard let number = prefixes.number(container: address.container, prefix) else { return nil }
            return slot(prefix: number, leaf)
        }
    }

    private func slot(prefix: UInt32, _ leaf: UnsafeRawBufferPointer) -> UInt32? {
        files.find(Self.hash(prefix, leaf)) { slot in
            let (page, position) = slots.page(of: slot)
            return page.records[position].prefix == prefix && page.name(of: position).hasSameBytes(as: leaf)
        }
    }

    func slot(of place: TreePlace) -> UInt32? {
        guard let kind = place.kind else { return nil }
        let number = place.withPrefix { prefixes.number(container: $0, $1) }
        return number.flatMap { slot(kind, prefix: $0) }
    }

    private func slot(_ kind: PlaceKind, prefix: UInt32) -> UInt32? {
        directories.find(Self.hash(kind, prefix)) { slot in
            let record = record(slot)
            return record.pointee.kind == kind && record.pointee.prefix == prefix
        }
    }

    // MARK: What a record stands for

    func address(of slot: UInt32) -> BlobAddress {
        let (page, position) = slots.page(of: slot)
        let prefix = prefixes[page.records[position].prefix]
        let leaf = page.name(of: position)
        guard let text = prefix?.text, !text.isEmpty else {
            return BlobAddress(container: prefix?.container ?? "", name: String(decoding: leaf, as: UTF8.self))
        }
        let count = text.utf8.count + leaf.count
        let name = String(unsafeUninitializedCapacity: count) { target in
            let target = UnsafeMutableRawBufferPointer(target)
            text.withBytes { target.copyMemory(from: $0) }
            UnsafeMutableRawBufferPointer(rebasing: target[text.utf8.count...]).copyMemory(from: leaf)
            return count
        }
        return BlobAddress(container: prefix?.container ?? "", name: name)
    }

    func place(of slot: UInt32) -> TreePlace? {
        let record = record(slot)
        guard let prefix = prefixes[record.pointee.prefix] else { return nil }
        return TreePlace(record.pointee.kind, container: prefix.container, text: prefix.text)
    }

    func inode(of slot: UInt32) -> UInt64 {
        let (page, position) = slots.page(of: slot)
        if let own = page.ownInode(of: position) { return own }
        guard page.records[position].kind == .file else {
            return place(of: slot).map { StableInode.number(of: $0) } ?? 0
        }
        guard var inode = prefixes[page.records[position].prefix]?.inode else { return 0 }
        inode.append(page.name(of: position))
        inode.endPart()
        return inode.number
    }

    // MARK: Making and letting go

    /// A record that no index has: of the tree itself.
    mutating func insert(_ content: NodeRecord.Content) -> UInt32 { slots.take(content) }

    /// From now on the address means this file; what it meant before is known by id only.
    mutating func insert(file address: BlobAddress, _ content: NodeRecord.Content) -> UInt32 {
        let slot = slots.take(content)
        setAddress(address, of: slot)
        return slot
    }

    /// For a place that is not in the table; a file's place is nobody's.
    mutating func insert(directory place: TreePlace, _ content: NodeRecord.Content) -> UInt32 {
        let slot = slots.take(content)
        setPlace(place, of: slot)
        survivors?.set(directory: slots.id(of: slot), place, inode: inode(of: slot))
        return slot
    }

    /// Gives a file that is in no index its address.
    mutating func setAddress(_ address: BlobAddress, of slot: UInt32) {
        address.withParts { prefix, leaf in
            let number = prefixes.retain(container: address.container, prefix)
            if let other = self.slot(prefix: number, leaf) { files.remove(Self.hash(number, leaf), other) }
            let (page, position) = slots.page(of: slot)
            dropName(of: slot)
            page.records[position].prefix = number
            page.setName(leaf, inode: nil, of: position)
            files.insert(Self.hash(number, leaf), slot)
        }
    }

    /// Gives a directory that is in no index its place.
    mutating func setPlace(_ place: TreePlace, of slot: UInt32) {
        guard let kind = place.kind else { return }
        let number = place.withPrefix { prefixes.retain(container: $0, $1) }
        if let other = self.slot(kind, prefix: number) { directories.remove(Self.hash(kind, number), other) }
        dropName(of: slot)
        let record = record(slot)
        record.pointee.kind = kind
        record.pointee.prefix = number
        directories.insert(Self.hash(kind, number), slot)
    }

    /// Takes the node out of the index: its address or place means another one from now on, or none.
    mutating func removeFromIndex(_ slot: UInt32) {
        let (page, position) = slots.page(of: slot)
        let (kind, prefix) = (page.records[position].kind, page.records[position].prefix)
        guard prefix != 0 else { return }
        if kind == .file {
            files.remove(Self.hash(prefix, page.name(of: position)), slot)
        } else {
            directories.remove(Self.hash(kind, prefix), slot)
        }
    }

    /// The address means this file again, unless it means another one.
    mutating func restoreToIndex(_ slot: UInt32) {
        let (page, position) = slots.page(of: slot)
        let (prefix, leaf) = (page.records[position].prefix, page.name(of: position))
        guard self.slot(prefix: prefix, leaf) == nil else { return }
        files.insert(Self.hash(prefix, leaf), slot)
    }

    /// Keeps the inode number of a node that was renamed.
    mutating func keepInode(_ inode: UInt64, of slot: UInt32) {
        guard self.inode(of: slot) != inode else { return }
        let (page, position) = slots.page(of: slot)
        guard page.records[position].name != NodeRecord.noName else {
            page.setName(UnsafeRawBufferPointer(start: nil, count: 0), inode: inode, of: position)
            return
        }
        let name = [UInt8](page.name(of: position))
        page.dropName(of: position)
        name.withUnsafeBytes { page.setName($0, inode: inode, of: position) }
    }

    mutating func free(_ slot: UInt32) {
        if record(slot).pointee.kind != .file { survivors?.remove(.directory, slots.id(of: slot).rawValue) }
        successors.forget(slot)
        removeFromIndex(slot)
        switch record(slot).pointee.content {
        case .liveFile(let number), .liveDirectory(let number):
            if let object = live.remove(number) { released.append(object) }
        case .file, .directory, .selfLink, .free: break
        }
        dropName(of: slot)
        slots.free(slot)
    }

    private mutating func dropName(of slot: UInt32) {
        let (page, position) = slots.page(of: slot)
        page.dropName(of: position)
        prefixes.release(page.records[position].prefix)
        page.records[position].prefix = 0
    }

    private static func hash(_ prefix: UInt32, _ leaf: UnsafeRawBufferPointer) -> UInt32 {
        var hasher = Hasher()
        hasher.combine(prefix)
        hasher.combine(bytes: leaf)
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    private static func hash(_ kind: PlaceKind, _ prefix: UInt32) -> UInt32 {
        var hasher = Hasher()
        hasher.combine(prefix)
        hasher.combine(kind)
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }
}

extension TreePlace {
    /// Container and beginning of the names of what is in this directory; both empty above the containers.
    fileprivate func withPrefix<Value>(_ body: (_ container: String, _ prefix: UnsafeRawBufferPointer) -> Value)
        -> Value
    {
        let (container, text) = texts
        return text.withBytes { body(container, $0) }
    }
}

extension UnsafeRawBufferPointer {
    func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count, let bytes = baseAddress, let otherBytes = other.baseAddress else {
            return count == other.count
        }
        return memcmp(bytes, otherBytes, count) == 0
    }
}
