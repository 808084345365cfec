/// An RDS file that holds an environment, as that of a job does: of a few variables, what they are.
///
/// The others are passed over unseen: they may hold the caller's data, and tokens.
package struct EnvironmentFile: Sendable {
    /// Of variables that are lists or vectors: how many elements they have.
    package private(set) var lengths: [String: UInt64] = [:]
    /// Of variables that are character vectors: their elements.
    package private(set) var strings: [String: [String]] = [:]

    private static let budget = ValueBudget(elements: 1_000, bytes: 64 << 10)

    package init(_ source: any ByteSource, lengthsOf counted: Set<String>, stringsOf kept: Set<String>) throws {
        let reader = try RDSReader(source)
        let offset = reader.input.offset
        let header = try reader.begin()
        guard header.type == ItemType.environment else {
            throw RDSError(offset, "holds \(ItemType.name(header.type)), and no environment")
        }
        // Whether it is locked; what encloses it.
        _ = try reader.input.int32()
        try reader.skip()
        try frame(in: reader, counted, kept)
        let table = try reader.begin()
        if table.type == ItemType.list {
            for _ in 0..<(try reader.length()) { try frame(in: reader, counted, kept) }
            if table.hasAttributes { try reader.skip() }
        } else {
            try reader.skipBody(table)
        }
        // Attributes.
        try reader.skip()
        try reader.finish()
    }

    /// A pairlist of variables: a frame without a hash table, or one chain of it.
    private mutating func frame(in reader: RDSReader, _ counted: Set<String>, _ kept: Set<String>) throws {
        var header = try reader.begin()
        while header.type == ItemType.pairs {
            if header.hasAttributes { try reader.skip() }
            let name = header.hasTag ? try reader.symbolName(reader.begin()) : nil
            if let name, counted.contains(name) {
                lengths[name] = try Self.length(in: reader)
            } else if let name, kept.contains(name) {
                var budget = Self.budget
                strings[name] = try reader.value(&budget).strings?.compactMap { $0 }
            } else {
                try reader.skip()
            }
            header = try reader.begin()
        }
        try reader.skipBody(header)
    }

    private static func length(in reader: RDSReader) throws -> UInt64? {
        let header = try reader.begin()
        switch header.type {
        case ItemType.list, ItemType.expressions, ItemType.strings:
            let count = try reader.length()
            try reader.skipItems(count)
            if header.hasAttributes { try reader.skip() }
            return count
        default:
            try reader.skipBody(header)
            return nil
        }
    }
}
