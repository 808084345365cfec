internal import Checksums

/// How records lie in a log: 8 bytes that name the format, then for each record its length (4 bytes), the CRC-64 of its
/// payload (8 bytes) and the payload; numbers little-endian.
///
/// A record is there as a whole or not at all: a process that dies, or a disk that loses power, leaves a torn tail, and
/// what stands before it counts.
package enum JournalFraming {
    /// Raised when an older program could not read what a newer one writes.
    package static let formatVersion = 1
    static let magic = Array("OFSJRNL1".utf8)
    /// Headers and metadata of a blob have at most 16 KiB; a longer length is damage.
    static let payloadSizeMax = 1 << 20

    /// What a log holds.
    package struct Content: Sendable, Equatable {
        package var payloads: [[UInt8]] = []
        /// Where the next record goes: behind the last good one.
        package var end = 0
        /// There is more behind it that is no record.
        package var isTorn = false
        /// It begins as a log of this format does.
        package var isReadable = false
    }

    static func framed(_ payloads: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payloads.reduce(0) { $0 + $1.count + 12 })
        for payload in payloads {
            append(UInt64(payload.count), count: 4, to: &bytes)
            append(payload.withUnsafeBytes { CRC64.checksum($0) }, count: 8, to: &bytes)
            bytes += payload
        }
        return bytes
    }

    package static func parse(_ log: [UInt8]) -> Content {
        var content = Content()
        guard log.starts(with: magic) else {
            content.isTorn = !log.isEmpty
            return content
        }
        content.isReadable = true
        content.end = magic.count
        while log.count - content.end >= 12 {
            let start = content.end + 12
            let length = Int(number(in: log, at: content.end, count: 4))
            // Zeros, which a loss of power may leave behind the end, would be records without a payload.
            guard length > 0, length <= payloadSizeMax, length <= log.count - start else { break }
            let payload = Array(log[start..<start + length])
            let crc = payload.withUnsafeBytes { CRC64.checksum($0) }
            guard crc == number(in: log, at: content.end + 4, count: 8) else { break }
            content.payloads.append(payload)
            content.end = start + length
        }
        content.isTorn = content.end < log.count
        return content
    }

    private static func append(_ number: UInt64, count: Int, to bytes: inout [UInt8]) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * index))) }
    }

    private static func number(in bytes: [UInt8], at offset: Int, count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }
}
