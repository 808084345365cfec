/// Why bytes are no RDS file that can be read, and where.
package struct RDSError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Bytes from the beginning of what the file holds, uncompressed; compressed ones where unpacking fails.
    package let offset: UInt64
    package let reason: String

    init(_ offset: UInt64, _ reason: String) {
        self.offset = offset
        self.reason = reason
    }

    package var description: String { "\(reason), at byte \(offset)" }
}
