internal import COpenSSL

/// A running MD5, by OpenSSL.
struct MD5: ~Copyable {
    private let context: OpaquePointer?

    init() {
        context = EVP_MD_CTX_new()
        EVP_DigestInit_ex(context, EVP_md5(), nil)
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The sixteen bytes of the digest; to be asked for once.
    mutating func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
            count = 16
        }
    }
}

/// HMAC-SHA256 of `message`: 32 bytes.
func hmacSHA256(key: [UInt8], message: String) -> [UInt8] {
    var text = message
    return text.withUTF8 { bytes in
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            _ = HMAC(EVP_sha256(), key, Int32(key.count), bytes.baseAddress, bytes.count, buffer.baseAddress, nil)
            count = 32
        }
    }
}

/// 32 bytes.
func sha256(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
        EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, EVP_sha256(), nil)
        count = 32
    }
}

/// Compares signatures in a time that does not depend on where they differ.
func isSameSignature(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
}
