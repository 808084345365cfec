import BlobStorage
import FileSystemModel
import OutputConventions

extension JobRecord {
    /// As if the record were a blob: other bytes are another version, and nobody may write it.
    var properties: BlobProperties {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let digits = String(hash, radix: 16, uppercase: true)
        let modified = modified.flatMap { CivilTime.parse($0) }?.seconds ?? 0
        return BlobProperties(
            version: BlobVersion(etag: ETag("\"0x\(digits)\""), lastModified: modified),
            length: UInt64(text.count),
            contentType: "application/json",
            metadata: ["permissions": "33060"]
        )
    }
}
