/// Writes one list out of the elements of many, as `saveRDS` would have written it; compressed, if `sink` compresses.
package final class ResultJoiner {
    private let sink: any ByteSink
    /// Symbols and environments so far: later items refer to them by number.
    private var referableCount = 0
    private var left: Int

    /// - Parameters:
    ///   - version: 3 if that of any file is, else 2.
    ///   - nativeEncoding: version 3: that of the files.
    ///   - count: elements in all.
    package init(to sink: any ByteSink, version: Int32, nativeEncoding: String, count: Int) throws {
        (self.sink, left) = (sink, count)
        precondition(count <= Int(Int32.max), "a list of results has 31 bits of elements")
        try write(Array("X\n".utf8))
        try sink.write(version)
        // Which R wrote it, and from which on it can be read: the first ones that knew these versions.
        try sink.write(version == 3 ? Self.version(3, 5, 0) : Self.version(2, 3, 0))
        try sink.write(version == 3 ? Self.version(3, 5, 0) : Self.version(2, 3, 0))
        if version == 3 {
            try sink.write(Int32(nativeEncoding.utf8.count))
            try write(Array(nativeEncoding.utf8))
        }
        try sink.write(Int32(ItemType.list) | Flag.attributes)
        try sink.write(Int32(count))
    }

    private enum Flag {
        static let attributes: Int32 = 0x200
        static let tag: Int32 = 0x400
    }

    private static func version(_ major: Int32, _ minor: Int32, _ patch: Int32) -> Int32 {
        major << 16 | minor << 8 | patch
    }

    /// Adds the elements of a file, as `ResultList` found them, but for those at `positions`.
    package func append(_ source: any ByteSource, _ list: ResultList, dropping positions: Set<Int> = []) throws {
        let reader = try RDSReader(source)
        let copying = Copying(to: sink, after: referableCount)
        reader.copying = copying
        if list.isList {
            let header = try reader.begin()
            guard header.type == ItemType.list, try reader.length() == list.names.count else {
                throw RDSError(reader.input.offset, "is not the list that it was")
            }
        }
        for position in list.names.indices {
            if positions.contains(position) {
                try copying.dropItem(of: reader)
            } else {
                try copying.copyItem(of: reader)
                left -= 1
            }
        }
        referableCount = copying.count
    }

    /// - Parameter names: of all elements.
    package func finish(names: [String]) throws {
        precondition(left == 0, "as many elements as were announced")
        try sink.write(Int32(ItemType.pairs) | Flag.tag)
        try sink.write(Int32(ItemType.symbol))
        try write(string: "names")
        try sink.write(Int32(ItemType.strings))
        try sink.write(Int32(names.count))
        for name in names { try write(string: name) }
        try sink.write(Int32(ItemType.null))
    }

    private func write(string: String) throws {
        let bytes = Array(string.utf8)
        try sink.write(
            Int32(ItemType.characters) | (bytes.allSatisfy { $0 < 0x80 } ? ItemHeader.ascii : ItemHeader.utf8)
        )
        try sink.write(Int32(bytes.count))
        try write(bytes)
    }

    private func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try sink.write($0) } }
}
