import Foundation
import RDS
import Testing

/// Files that R wrote: Vectors/make.R.
enum Vectors {
    static func bytes(_ name: String) throws -> [UInt8] {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "rds", subdirectory: "Vectors"))
        return [UInt8](try Data(contentsOf: url))
    }

    static func source(_ name: String) throws -> MemoryBytes { MemoryBytes(try bytes(name)[...]) }

    /// Without compression.
    static func unpacked(_ name: String) throws -> [UInt8] {
        let source = try UnpackedBytes(source(name))
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1_000)
        while case let count = try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
            bytes += buffer[..<count]
        }
        return bytes
    }
}

/// Gives one byte at a time, as slowly as a source may.
final class DrippingBytes: ByteSource {
    private let bytes: MemoryBytes

    init(_ bytes: [UInt8]) { self.bytes = MemoryBytes(bytes[...]) }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        bytes.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(1)))
    }
}

/// Writes items by hand: an opinion on the format that shares nothing with the reader.
final class ItemBytes {
    var bytes: [UInt8] = []

    static func file(version: Int32 = 2) -> ItemBytes {
        let file = ItemBytes()
        file.bytes = Array("X\n".utf8)
        file.int(version).int(0x30502).int(0x20300)
        if version == 3 { file.int(5).text("UTF-8") }
        return file
    }

    @discardableResult
    func int(_ value: Int32) -> Self {
        withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
        return self
    }

    @discardableResult
    func text(_ text: String) -> Self {
        bytes += Array(text.utf8)
        return self
    }

    @discardableResult
    func string(_ value: String) -> Self { int(0x40009).int(Int32(value.utf8.count)).text(value) }

    @discardableResult
    func strings(_ values: [String]) -> Self {
        int(16).int(Int32(values.count))
        for value in values { string(value) }
        return self
    }

    @discardableResult
    func symbol(_ name: String) -> Self { int(1).string(name) }

    /// The attribute `names`, and the end of the attributes.
    @discardableResult
    func names(_ names: [String]) -> Self { int(0x402).symbol("names").strings(names).int(254) }

    var source: MemoryBytes { MemoryBytes(bytes[...]) }
}
