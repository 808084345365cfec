internal import BlobStorage
internal import COpenSSL

extension UploadBody {
    /// All bytes of the body, checked against its checksum as the service would; read in pieces, as a transport does.
    func bytes(_ failures: Failures) throws(StorageError) -> [UInt8] {
        var isReadable = true
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            while count < byteCount {
                let piece = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                guard let readCount = read(count, piece), readCount > 0 else {
                    isReadable = false
                    return
                }
                count += readCount
            }
        }
        guard isReadable else { throw failures.localInput }
        switch checksum {
        case .none: break
        case .md5(let digest):
            guard md5(bytes) == digest else { throw failures(.corrupted, 400, "Md5Mismatch") }
        case .crc64(let crc):
            guard CRC64Reference.of(bytes) == crc else { throw failures(.corrupted, 400, "Crc64Mismatch") }
        }
        return bytes
    }
}

/// MD5, 16 bytes.
package func md5(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 16) { digest, count in
        EVP_Digest(bytes, bytes.count, digest.baseAddress, nil, EVP_md5(), nil)
        count = 16
    }
}

/// Azure's CRC-64 byte by byte, as a second opinion on the fast one.
package enum CRC64Reference {
    private static let table: [UInt64] = (0..<256).map { index in
        (0..<8).reduce(UInt64(index)) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0x9A6C_9329_AC4B_C9B5 }
    }

    package static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        ~bytes.reduce(~0) { crc, byte in crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] }
    }
}
