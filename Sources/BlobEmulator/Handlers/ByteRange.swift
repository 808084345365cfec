/// The range of a read, by the service's rules.
enum ByteRange: Equatable {
    /// There is no range, or none that can be used: the whole blob is sent.
    case whole
    case part(Range<Int>)

    /// `x-ms-range` counts before `Range`. `bytes=a-b` and `bytes=a-`; an end beyond the blob is cut off. A suffix
    /// range, several ranges, and what cannot be parsed are ignored.
    init(_ headers: HeaderFields, length: Int) throws(Failure) {
        guard let text = headers.nonEmpty("x-ms-range") ?? headers.nonEmpty("range"),
            let bounds = ByteRange.bounds(text)
        else {
            self = .whole
            return
        }
        guard bounds.first < length else { throw .code(.invalidRange) }
        self = .part(bounds.first..<(bounds.last.map { min($0, length - 1) + 1 } ?? length))
    }

    /// First and last byte of `bytes=a-b`; the last is nil in `bytes=a-`.
    static func bounds(_ text: String) -> (first: Int, last: Int?)? {
        guard text.hasPrefix("bytes=") else { return nil }
        let parts = text.utf8.dropFirst(6).split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, let first = number(parts[0]).map(Int.init) else { return nil }
        guard !parts[1].isEmpty else { return (first, nil) }
        guard let last = number(parts[1]).map(Int.init), last >= first else { return nil }
        return (first, last)
    }
}
