/// A result of doAzureParallel: a list with one element for each iteration, named by its number. An iteration that failed
/// left its error in place of a value. Where `setReduce` was used, each task left one value of any kind: that counts as a list of it.
package struct ResultList: Sendable, Hashable {
    package struct Failure: Sendable, Hashable {
        /// In the list, from 0.
        package var position: Int
        package var message: String
        /// The expression that failed, if the error knows it.
        package var call: String?

        package init(position: Int, message: String, call: String? = nil) {
            (self.position, self.message, self.call) = (position, message, call)
        }
    }

    /// Serialization version of the file.
    package var version: Int32
    package var nativeEncoding: String?
    /// Otherwise the file is one value.
    package var isList: Bool
    /// One for each element; empty where it has none.
    package var names: [String]
    package var failures: [Failure]

    /// Of names: memory is 16 bytes each.
    private static let elementCountMax: UInt64 = 16 << 20
    /// Of names that are longer than numbers.
    private static let nameByteCountMax = 64 << 20

    /// Reads a whole file; throws `RDSError`, or what `source` throws.
    package init(_ source: any ByteSource) throws {
        let reader = try RDSReader(source)
        (version, nativeEncoding) = (reader.version, reader.nativeEncoding)
        (names, failures) = ([], [])
        let header = try reader.begin()
        isList = header.type == ItemType.list && !header.isObject
        guard isList else {
            names = [""]
            try reader.skipBody(header)
            try reader.finish()
            return
        }
        let count = try reader.length()
        guard count <= Self.elementCountMax else {
            throw RDSError(reader.input.offset, "is a list of \(count) elements; \(Self.elementCountMax) can be read")
        }
        for position in 0..<Int(count) {
            if let failure = try Self.failure(in: reader, at: position) { failures.append(failure) }
        }
        if header.hasAttributes { names = try Self.names(in: reader, count: Int(count)) }
        if names.count != count { names = Array(repeating: "", count: Int(count)) }
        try reader.finish()
    }

    /// What the file says of the iteration: its number, or where it stands if it has no name.
    package func iteration(at position: Int) -> String {
        names[position].isEmpty ? "[[\(position + 1)]]" : names[position]
    }

    /// As a vector or as what makes one: mostly of numbers, but where `setReduce` was used anybody's.
    private static func names(in reader: RDSReader, count: Int) throws -> [String] {
        let byteCount = max(32 * count, min(1_024 * count, nameByteCountMax)) + (64 << 10)
        var budget = ValueBudget(elements: 3 * count + 100, bytes: byteCount)
        let attributes = try reader.attributes(&budget)
        return RValue(content: .null, attributes: attributes).names.map { $0 ?? "" }
    }

    // MARK: Errors

    /// Of one error. Its message is read first, and its call may hold whole data sets.
    private static let budget = ValueBudget(elements: 1_000, bytes: 16 << 10)
    /// `message`, `call`, and what packages add.
    private static let fieldCountMax = 8

    private static func failure(in reader: RDSReader, at position: Int) throws -> Failure? {
        let header = try reader.begin()
        guard header.isObject, header.hasAttributes else {
            try reader.skipBody(header)
            return nil
        }
        switch header.type {
        case ItemType.list: return try condition(in: reader, at: position)
        case ItemType.strings:
            // What try() leaves: the message as it was printed.
            var budget = Self.budget
            let value = try reader.value(header, &budget)
            guard value.classes.contains("try-error") else { return nil }
            return Failure(position: position, message: trimmed(value.string ?? ""))
        default:
            try reader.skipBody(header)
            return nil
        }
    }

    private static func condition(in reader: RDSReader, at position: Int) throws -> Failure? {
        let count = try reader.length()
        let kept = min(count, UInt64(fieldCountMax))
        var fields: [RValue] = []
        for _ in 0..<kept {
            var budget = Self.budget
            fields.append(try reader.value(&budget))
        }
        try reader.skipItems(count - kept)
        var budget = Self.budget
        let value = RValue(content: .list(fields), attributes: try reader.attributes(&budget))
        guard value.classes.contains("error") else { return nil }
        func field(_ name: String) -> RValue? {
            value.names.firstIndex(of: name).flatMap { fields.indices.contains($0) ? fields[$0] : nil }
        }
        let call = field("call").flatMap { $0.content == .null || $0.content == .omitted ? nil : $0.expression }
        return Failure(position: position, message: trimmed(field("message")?.string ?? ""), call: call)
    }

    private static func trimmed(_ text: String) -> String {
        var text = Substring(text)
        while text.last?.isWhitespace ?? false { text.removeLast() }
        return String(text)
    }
}
