/// What is needed to copy items from one file into another, in which symbols and environments have other numbers.
final class Copying {
    private let sink: any ByteSink
    /// By its number in the source, from 0: its number in the copy, from 1; 0: it is not there yet.
    private var numbers: [Int32] = []
    /// How many there are in the copy, over all sources.
    private(set) var count: Int
    /// What was left out; an item that is copied later may refer to a symbol or environment that was first met there.
    private let dropped = CollectedBytes()
    private var definitions: [Int: Int] = [:]
    private var isDropping = false
    private var nesting = 0

    /// Items are left out for being errors, which are small, but for what their calls hold.
    private static let droppedByteCountMax = 64 << 20
    private static let nestingMax = 100

    /// - Parameter count: how many symbols and environments the copy holds already.
    init(to sink: any ByteSink, after count: Int) {
        self.sink = sink
        self.count = count
    }

    /// Copies the next item of `reader`.
    func copyItem(of reader: RDSReader) throws {
        isDropping = false
        reader.input.copy = sink
        defer { reader.input.copy = nil }
        try reader.skip()
    }

    /// Leaves the next item of `reader` out.
    func dropItem(of reader: RDSReader) throws {
        isDropping = true
        reader.input.copy = BoundedSink(dropped, Self.droppedByteCountMax) {
            RDSError(reader.input.offset, "has errors of more than \(Self.droppedByteCountMax >> 20) MiB to leave out")
        }
        defer { reader.input.copy = nil }
        try reader.skip()
    }

    fileprivate func add(_ header: ItemHeader, _ reader: RDSReader, to copy: any ByteSink) throws {
        guard !isDropping else {
            try copy.write(header.bits)
            if header.packedReference == 0 { try copy.write(Int32(header.target + 1)) }
            return
        }
        if let number = number(of: header.target) { return try write(reference: number, to: copy) }
        guard let start = definitions[header.target], nesting < Self.nestingMax else {
            throw RDSError(reader.input.offset, "refers to what was left out")
        }
        nesting += 1
        defer { nesting -= 1 }
        try reader.read(dropped.bytes[start...], from: header.target) { try reader.skip() }
    }

    /// - Returns: false: it stands in the copy already, which now refers to it.
    fileprivate func define(_ header: ItemHeader, _ number: Int, _ reader: RDSReader, in copy: any ByteSink) throws
        -> Bool
    {
        if isDropping {
            definitions[number] = dropped.bytes.count
        } else {
            if let there = self.number(of: number) {
                try write(reference: there, to: copy)
                return false
            }
            guard count < Int(Int32.max) else {
                throw RDSError(reader.input.offset, "has more symbols and environments than one file can have")
            }
            count += 1
            if numbers.count <= number {
                numbers.append(contentsOf: repeatElement(0, count: number + 1 - numbers.count))
            }
            numbers[number] = Int32(count)
        }
        try copy.write(header.bits)
        return true
    }

    private func number(of target: Int) -> Int32? {
        numbers.indices.contains(target) && numbers[target] != 0 ? numbers[target] : nil
    }

    private func write(reference number: Int32, to copy: any ByteSink) throws {
        // Numbers that do not fit beside the type follow it.
        if number <= Int32.max >> 8 {
            try copy.write(number << 8 | Int32(ItemType.reference))
        } else {
            try copy.write(Int32(ItemType.reference))
            try copy.write(number)
        }
    }
}

extension RDSReader {
    func copyBits(_ bits: Int32) throws { try input.copy?.write(bits) }

    func copyReference(_ header: ItemHeader) throws {
        guard let copying, let copy = input.copy else { return }
        try copying.add(header, self, to: copy)
    }

    /// - Returns: what the item is now: itself, or a reference to what is there already.
    func copyDefinition(_ header: ItemHeader, _ number: Int) throws -> ItemHeader {
        guard let copying, let copy = input.copy, try !copying.define(header, number, self, in: copy) else {
            return header
        }
        input.copy = nil
        defer { input.copy = copy }
        try skipBody(header)
        var reference = ItemHeader(Int32(ItemType.reference))
        reference.target = number
        return reference
    }
}

extension ByteSink {
    /// With the highest byte first.
    func write(_ number: Int32) throws { try withUnsafeBytes(of: number.bigEndian) { try write($0) } }
}

/// Takes only so many bytes.
private final class BoundedSink: ByteSink {
    private let sink: CollectedBytes
    private let countMax: Int
    private let error: () -> RDSError

    init(_ sink: CollectedBytes, _ countMax: Int, _ error: @escaping () -> RDSError) {
        (self.sink, self.countMax, self.error) = (sink, countMax, error)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard sink.bytes.count + bytes.count <= countMax else { throw error() }
        sink.write(bytes)
    }
}
