/// Values by name, in the order of the names' bytes, for millions of entries.
///
/// A list of sorted chunks: finding is two binary searches, an insertion moves at most one chunk, and a listing can
/// seek to any name, which is how a delimiter skips a common prefix without walking over its blobs.
struct NameIndex<Value: Sendable>: Sendable {
    /// Where an entry is. Valid until the index changes.
    struct Position: Sendable {
        fileprivate var chunk: Int
        fileprivate var offset: Int
    }

    private struct Chunk: Sendable {
        var names: [Name]
        var values: [Value]
    }

    /// 512 entries: an insertion moves at most 8 KiB of references, a million blobs make some 3,000 chunks.
    private static var chunkLimit: Int { 512 }

    private var chunks: [Chunk] = []
    private(set) var count = 0

    init() {}

    subscript(name: Name) -> Value? {
        let position = lowerBound(name)
        guard let entry = self[position], entry.name == name else { return nil }
        return entry.value
    }

    /// The entry at a position; nil at the end.
    subscript(position: Position) -> (name: Name, value: Value)? {
        guard position.chunk < chunks.count else { return nil }
        let chunk = chunks[position.chunk]
        return (chunk.names[position.offset], chunk.values[position.offset])
    }

    var start: Position { Position(chunk: 0, offset: 0) }

    func position(after position: Position) -> Position {
        let next = Position(chunk: position.chunk, offset: position.offset + 1)
        return normalized(next)
    }

    /// The first entry whose name is not before `name`.
    func lowerBound(_ name: Name) -> Position {
        var low = 0
        var high = chunks.count
        // The first chunk whose last name is not before `name` holds the entry.
        while low < high {
            let middle = (low + high) / 2
            let names = chunks[middle].names
            if names[names.count - 1] < name { low = middle + 1 } else { high = middle }
        }
        guard low < chunks.count else { return Position(chunk: low, offset: 0) }
        return Position(chunk: low, offset: Self.lowerBound(name, in: chunks[low].names))
    }

    private static func lowerBound(_ name: Name, in names: [Name]) -> Int {
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            if names[middle] < name { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func normalized(_ position: Position) -> Position {
        guard position.chunk < chunks.count, position.offset >= chunks[position.chunk].names.count else {
            return position
        }
        return Position(chunk: position.chunk + 1, offset: 0)
    }

    /// Puts `value` in place, over an entry of that name if there is one.
    mutating func insert(_ value: Value, for name: Name) {
        guard !chunks.isEmpty else {
            chunks.append(Chunk(names: [name], values: [value]))
            count = 1
            return
        }
        var position = lowerBound(name)
        if position.chunk == chunks.count {
            position = Position(chunk: chunks.count - 1, offset: chunks[chunks.count - 1].names.count)
        } else if chunks[position.chunk].names[position.offset] == name {
            chunks[position.chunk].values[position.offset] = value
            return
        }
        chunks[position.chunk].names.insert(name, at: position.offset)
        chunks[position.chunk].values.insert(value, at: position.offset)
        count += 1
        if chunks[position.chunk].names.count > Self.chunkLimit { split(position) }
    }

    /// Halves a full chunk; one that grew at the very end keeps nine tenths, since names often come in order.
    private mutating func split(_ position: Position) {
        let size = chunks[position.chunk].names.count
        let isAppending = position.chunk == chunks.count - 1 && position.offset == size - 1
        let middle = isAppending ? size * 9 / 10 : size / 2
        let upper = Chunk(
            names: Array(chunks[position.chunk].names[middle...]),
            values: Array(chunks[position.chunk].values[middle...])
        )
        chunks[position.chunk].names.removeSubrange(middle...)
        chunks[position.chunk].values.removeSubrange(middle...)
        chunks.insert(upper, at: position.chunk + 1)
    }

    mutating func remove(_ name: Name) {
        let position = lowerBound(name)
        guard position.chunk < chunks.count, chunks[position.chunk].names[position.offset] == name else { return }
        chunks[position.chunk].names.remove(at: position.offset)
        chunks[position.chunk].values.remove(at: position.offset)
        if chunks[position.chunk].names.isEmpty { chunks.remove(at: position.chunk) }
        count -= 1
    }

    mutating func removeAll() {
        self = NameIndex()
    }
}
