/// Writes the fields of a journal record: integers little-endian, texts and lists with their length before them.
struct RecordWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    mutating func integer(_ value: some FixedWidthInteger) {
        let wide = UInt64(truncatingIfNeeded: value)
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: wide >> UInt64(shift))) }
    }

    mutating func flag(_ value: Bool) {
        byte(value ? 1 : 0)
    }

    mutating func text(_ value: String) {
        integer(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func text(_ value: String?) {
        flag(value != nil)
        if let value { text(value) }
    }

    mutating func raw(_ value: [UInt8]) {
        integer(value.count)
        bytes.append(contentsOf: value)
    }

    mutating func raw(_ value: UnsafeRawBufferPointer) {
        integer(value.count)
        bytes.append(contentsOf: value)
    }

    mutating func time(_ value: Timestamp?) {
        flag(value != nil)
        if let value { integer(value.ticks) }
    }

    mutating func list<Element>(_ values: [Element], _ write: (inout RecordWriter, Element) -> Void) {
        integer(values.count)
        for value in values { write(&self, value) }
    }
}

/// A record that does not hold what its kind should: from another version of the program, or damaged.
struct RecordError: Error {}

/// Reads the fields that `RecordWriter` wrote.
struct RecordReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    mutating func byte() throws(RecordError) -> UInt8 {
        guard position < bytes.endIndex else { throw RecordError() }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(RecordError) -> Value {
        guard bytes.endIndex - position >= 8 else { throw RecordError() }
        var wide: UInt64 = 0
        for index in 0..<8 { wide |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += 8
        return Value(truncatingIfNeeded: wide)
    }

    mutating func flag() throws(RecordError) -> Bool {
        try byte() != 0
    }

    mutating func raw() throws(RecordError) -> [UInt8] {
        let count = try integer(Int.self)
        guard count >= 0, count <= bytes.endIndex - position else { throw RecordError() }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func text() throws(RecordError) -> String {
        String(decoding: try raw(), as: UTF8.self)
    }

    mutating func optionalText() throws(RecordError) -> String? {
        try flag() ? try text() : nil
    }

    mutating func time() throws(RecordError) -> Timestamp? {
        try flag() ? Timestamp(ticks: try integer()) : nil
    }

    mutating func list<Element>(
        _ read: (inout RecordReader) throws(RecordError) -> Element
    ) throws(RecordError) -> [Element] {
        let count = try integer(Int.self)
        guard count >= 0, count <= bytes.count else { throw RecordError() }
        var values: [Element] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }
}
