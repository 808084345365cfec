/// The bytes of a blob or block: a list of slices with their positions. Copying it copies no bytes.
struct Content: Sendable {
    private struct Piece: Sendable {
        var slice: StoredSlice
        /// The position after the last byte of this piece.
        var end: Int
    }

    private var pieces: [Piece] = []

    init() {}

    init(_ slice: StoredSlice) {
        append(slice)
    }

    var length: Int { pieces.last?.end ?? 0 }

    var slices: some Sequence<StoredSlice> { pieces.lazy.map(\.slice) }

    var sliceCount: Int { pieces.count }

    mutating func append(_ slice: StoredSlice) {
        guard slice.length > 0 else { return }
        let end = length + slice.length
        if let last = pieces.last, last.slice.extent === slice.extent,
            last.slice.offset + last.slice.length == slice.offset
        {
            // Neighbours in one extent stay one piece: committing a blob's own blocks again does not fragment it.
            let merged = StoredSlice(
                extent: slice.extent,
                offset: last.slice.offset,
                length: last.slice.length + slice.length
            )
            pieces[pieces.count - 1] = Piece(slice: merged, end: end)
        } else {
            pieces.append(Piece(slice: slice, end: end))
        }
    }

    mutating func append(_ other: Content) {
        for slice in other.slices { append(slice) }
    }

    /// The slices that make up `range`, which must lie within the content.
    func slices(in range: Range<Int>) -> [StoredSlice] {
        guard !range.isEmpty else { return [] }
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].end <= range.lowerBound { low = middle + 1 } else { high = middle }
        }
        var result: [StoredSlice] = []
        while low < pieces.count {
            let piece = pieces[low]
            let begin = piece.end - piece.slice.length
            guard begin < range.upperBound else { break }
            result.append(
                piece.slice.part(max(range.lowerBound - begin, 0)..<min(range.upperBound, piece.end) - begin)
            )
            low += 1
        }
        return result
    }

    func part(_ range: Range<Int>) -> Content {
        var part = Content()
        for slice in slices(in: range) { part.append(slice) }
        return part
    }

    /// Puts `slice` in place of what lies from `position` on, as Put Page does.
    mutating func replace(at position: Int, with slice: StoredSlice) {
        var changed = part(0..<position)
        changed.append(slice)
        changed.append(part(position + slice.length..<length))
        self = changed
    }
}
