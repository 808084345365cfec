/// The checksums that are computed while a body arrives, each only if somebody wants it.
struct BodyDigests: ~Copyable {
    private var md5: MD5?
    private var crc64: CRC64?

    init(md5: Bool, crc64: Bool) {
        self.md5 = md5 ? MD5() : nil
        self.crc64 = crc64 ? CRC64() : nil
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        md5?.update(bytes)
        crc64?.update(bytes)
    }

    /// To be asked for once.
    mutating func finishMD5() -> [UInt8]? {
        md5?.finish()
    }

    var crc64Value: UInt64? { crc64?.value }
}
