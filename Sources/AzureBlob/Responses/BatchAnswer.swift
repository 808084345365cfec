internal import BlobStorage

/// The parts of an answer to Blob Batch, by the number that the request gave them; in whatever order they came.
struct BatchAnswer: Sendable {
    struct Part: Sendable {
        let head: ResponseHead
        let body: [UInt8]
    }

    private(set) var parts: [Int: Part] = [:]
    /// One without a number: it is about the batch.
    private(set) var whole: Part?

    /// `nil` if the bytes are something else.
    init?(_ body: [UInt8], contentType: String?) {
        guard let type = contentType, type.lowercased().hasPrefix("multipart/mixed"),
            let mark = type.firstRange(of: "boundary=")
        else { return nil }
        let name = type[mark.upperBound...].prefix { $0 != ";" }.filter { $0 != "\"" }
        let (separator, end) = (Array("--\(name)".utf8), Array("--\(name)--".utf8))
        var section: [ArraySlice<UInt8>]?
        for line in body.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.elementsEqual(end) {
                if let section { add(section) }
                return
            }
            if line.elementsEqual(separator) {
                if let section { add(section) }
                section = []
            } else {
                section?.append(line)
            }
        }
        // It was cut short.
        return nil
    }

    /// Headers of the part, an empty line, the head of an answer, an empty line, its body.
    private mutating func add(_ lines: [ArraySlice<UInt8>]) {
        let gap = lines.firstIndex(where: \.isEmpty) ?? lines.endIndex
        let rest = lines[gap...].drop(while: \.isEmpty)
        let end = rest.firstIndex(where: \.isEmpty) ?? rest.endIndex
        guard let head = ResponseHead(lines: rest[..<end].map { String(decoding: $0, as: UTF8.self) }) else { return }
        let body = Array(rest[end...].dropFirst().joined(separator: [UInt8(ascii: "\n")]))
        let part = Part(head: head, body: body)
        let number = lines[..<gap].lazy.compactMap { line -> Int? in
            let text = String(decoding: line, as: UTF8.self)
            guard text.lowercased().hasPrefix("content-id:") else { return nil }
            return Int(text.dropFirst("content-id:".count).trimmingBlanks())
        }.first
        if let number { parts[number] = part } else { whole = part }
    }
}
