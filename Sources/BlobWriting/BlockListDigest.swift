internal import BlobStorage
internal import Checksums

/// Tells one block list from another: the CRC-64 of all ids in their order. With an id in it that only one upload can
/// have, an equal digest is the same list.
enum BlockListDigest {
    static func of(_ ids: some Sequence<BlockID>) -> UInt64 {
        var crc: UInt64 = 0
        for id in ids {
            var text = id.base64 + ","
            crc = text.withUTF8 { CRC64.checksum(UnsafeRawBufferPointer($0), continuing: crc) }
        }
        return crc
    }
}

extension BlockReference {
    var id: BlockID {
        switch self {
        case .latest(let id), .committed(let id), .uncommitted(let id): id
        }
    }
}
