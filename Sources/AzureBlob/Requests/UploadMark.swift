internal import BlobStorage

/// A number that a commit leaves in the blob's metadata, so that a commit whose answer was lost can be told from
/// somebody else's: the second attempt is refused (409 or 412), and then a HEAD shows whose commit stands.
///
/// Nothing else proves it: two writers may commit the same bytes under the same conditions, and exactly one of them has
/// won. The metadata that callers see does not contain it.
struct UploadMark: Sendable, Hashable {
    static let name = "outputfs_upload"
    /// 32 hexadecimal digits.
    let value: String

    init() { value = RandomName.hexadecimal() }

    /// The metadata with the mark; without, if it would pass the service's limit of 8 KiB.
    func added(to metadata: BlobMetadata) -> BlobMetadata {
        var marked = metadata
        marked[Self.name] = value
        return marked.byteCount <= Self.metadataByteCountMax ? marked : metadata
    }

    func isOn(_ head: ResponseHead) -> Bool { head["x-ms-meta-\(Self.name)"] == value }

    private static let metadataByteCountMax = 8 << 10
}

extension BlobMetadata {
    /// Adds what a response carried, but not the mark.
    mutating func addReceived(_ name: String, _ value: String) {
        guard name.lowercased() != UploadMark.name else { return }
        addFirst(name, value)
    }
}

/// Names that no other process comes upon.
enum RandomName {
    /// 128 bits as 32 hexadecimal digits.
    static func hexadecimal() -> String {
        bytes().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// 16 bytes.
    static func bytes() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
