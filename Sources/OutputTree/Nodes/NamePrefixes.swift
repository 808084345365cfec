import BlobStorage

/// Container and beginning of the names of all blobs in one directory, kept once for all nodes in it, under a number.
///
/// Counted: a prefix goes with the last node that refers to it, and its number is given to another one.
struct NamePrefixes {
    struct Item {
        let container: String
        /// Up to and with a slash; a directory's may end within a segment that is too long for one file name.
        let text: String
        /// The number that inodes of blobs with this prefix begin with.
        let inode: StableInode
        fileprivate let hash: UInt32
        fileprivate var references: UInt32
    }

    /// 0 stands for none.
    private var items: [Item?] = [nil]
    private var free: [UInt32] = []
    private var index = SlotIndex()
    /// The one that was asked for last: names come by directory.
    private var last: UInt32 = 0

    subscript(number: UInt32) -> Item? { items[Int(number)] }

    func number(container: String, _ text: UnsafeRawBufferPointer) -> UInt32? {
        if last != 0, isSame(last, container, text) { return last }
        return index.find(Self.hash(container, text)) { isSame($0, container, text) }
    }

    /// Counts one reference more.
    mutating func retain(container: String, _ text: UnsafeRawBufferPointer) -> UInt32 {
        let number = number(container: container, text) ?? insert(container: container, text)
        items[Int(number)]?.references += 1
        last = number
        return number
    }

    mutating func release(_ number: UInt32) {
        guard var item = items[Int(number)] else { return }
        item.references -= 1
        guard item.references == 0 else {
            items[Int(number)] = item
            return
        }
        index.remove(item.hash, number)
        items[Int(number)] = nil
        free.append(number)
        if last == number { last = 0 }
    }

    private mutating func insert(container: String, _ text: UnsafeRawBufferPointer) -> UInt32 {
        let string = String(decoding: text, as: UTF8.self)
        // Most prefixes are of few containers: those that follow each other share the string.
        let before = items[Int(last)]?.container
        let shared = before.flatMap { $0.utf8.elementsEqual(container.utf8) ? $0 : nil } ?? container
        let hash = Self.hash(container, text)
        let inode = StableInode(blobsIn: container, below: string)
        let item = Item(container: shared, text: string, inode: inode, hash: hash, references: 0)
        let number = free.popLast() ?? UInt32(items.count)
        if number == UInt32(items.count) { items.append(item) } else { items[Int(number)] = item }
        index.insert(hash, number)
        return number
    }

    private func isSame(_ number: UInt32, _ container: String, _ text: UnsafeRawBufferPointer) -> Bool {
        guard let item = items[Int(number)] else { return false }
        return item.text.withBytes { $0.hasSameBytes(as: text) }
            && item.container.withBytes { own in container.withBytes { own.hasSameBytes(as: $0) } }
    }

    private static func hash(_ container: String, _ text: UnsafeRawBufferPointer) -> UInt32 {
        var hasher = Hasher()
        container.withBytes { hasher.combine(bytes: $0) }
        hasher.combine(UInt8(0xFF))
        hasher.combine(bytes: text)
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    var count: Int { items.count - 1 - free.count }
    var numberEnd: Int { items.count }
}

extension String {
    func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        var text = self
        return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension BlobAddress {
    /// The name up to and with its last slash, and what follows: a file's directory and its own name in it.
    func withParts<Value>(
        _ body: (_ prefix: UnsafeRawBufferPointer, _ leaf: UnsafeRawBufferPointer) -> Value
    ) -> Value {
        name.withBytes { bytes in
            let end = bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
            return body(.init(rebasing: bytes[..<end]), .init(rebasing: bytes[end...]))
        }
    }
}

extension NamePrefixes {
    /// How many of the names with a prefix begin in a certain way.
    enum Share { case none, some, all }

    /// By number, for all prefixes.
    func relations(to start: BlobAddress) -> [Share] {
        (0..<UInt32(numberEnd)).map { number in
            guard let item = self[number], item.container.utf8.elementsEqual(start.container.utf8) else { return .none }
            if item.text.utf8.starts(with: start.name.utf8) { return .all }
            return start.name.utf8.starts(with: item.text.utf8) ? .some : .none
        }
    }
}
