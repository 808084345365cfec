/// The bytes of one record of `Survivors`, field behind field. Both sides are this very program: no version, no order of
/// bytes to agree on.
package struct RecordWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func add(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    package mutating func add(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// Its UTF-8, with the length in front.
    package mutating func add(_ text: String) {
        add(UInt32(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    package mutating func add<Value>(_ value: Value?, _ write: (inout RecordWriter, Value) -> Void) {
        add(value != nil)
        if let value { write(&self, value) }
    }
}

/// Reads what `RecordWriter` wrote; `nil` from the first field on that is not there.
package struct RecordReader: Sendable {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    package mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        let size = MemoryLayout<Value>.size
        guard rest.count >= size else { return nil }
        defer { rest = rest.dropFirst(size) }
        return rest.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    package mutating func bool() -> Bool? { integer(UInt8.self).map { $0 != 0 } }

    package mutating func text() -> String? {
        guard let count = integer(UInt32.self), rest.count >= Int(count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return String(decoding: rest.prefix(Int(count)), as: UTF8.self)
    }

    /// The outer `nil`: not there at all; the inner one: recorded as absent.
    package mutating func optional<Value>(_ read: (inout RecordReader) -> Value?) -> Value?? {
        guard let isThere = bool() else { return nil }
        guard isThere else { return .some(nil) }
        return read(&self).map { .some($0) }
    }
}
