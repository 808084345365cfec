internal import COpenSSL

/// MD5 of bytes that come in pieces: what `Content-MD5` and `x-ms-blob-content-md5` carry.
package struct MD5Hasher: ~Copyable, Sendable {
    /// Owned by this value alone.
    private nonisolated(unsafe) let context: OpaquePointer

    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_md5(), nil) == 1 else {
            preconditionFailure("OpenSSL offers no MD5 (out of memory, or a provider that forbids it)")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// The digest of what came so far, 16 bytes; more may follow.
    package borrowing func digest() -> [UInt8] {
        guard let copy = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(copy, context) == 1 else {
            preconditionFailure("OpenSSL could not copy a digest (out of memory)")
        }
        defer { EVP_MD_CTX_free(copy) }
        return [UInt8](unsafeUninitializedCapacity: 16) { digest, count in
            EVP_DigestFinal_ex(copy, digest.baseAddress, nil)
            count = 16
        }
    }

    /// The digest: 16 bytes.
    package consuming func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { digest, count in
            EVP_DigestFinal_ex(context, digest.baseAddress, nil)
            count = 16
        }
    }
}
