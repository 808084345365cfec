internal import COpenSSL
internal import Checksums

/// The account key as signatures use it.
struct SigningKey: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    /// `nil` if the key is not base64.
    init?(base64 key: Secret) {
        guard let bytes = Base64.decode(key.revealed()), !bytes.isEmpty else { return nil }
        self.bytes = bytes
    }

    /// HMAC-SHA256 of the text's UTF-8, base64.
    func signature(of text: String) -> String {
        var text = text
        let digest = text.withUTF8 { text in
            [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
                HMAC(EVP_sha256(), bytes, Int32(bytes.count), text.baseAddress, text.count, digest.baseAddress, nil)
                count = 32
            }
        }
        return Base64.encode(digest)
    }

    var description: String { "<signing key>" }
    var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
