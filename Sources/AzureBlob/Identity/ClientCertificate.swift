internal import COpenSSL
internal import Checksums

/// A certificate with its private key, out of a PEM or PKCS #12 file, and the assertions that it signs.
///
/// Used on one thread, and not kept: a file that was replaced is read again with the next token.
final class ClientCertificate {
    private let file: String
    private let key: OpaquePointer
    /// The key's own certificate first, then those that vouch for it. Owned.
    private let chain: [OpaquePointer]

    /// - Parameter now: seconds since the epoch.
    init(_ bytes: [UInt8], password: Secret?, file: String, now: Int64) throws(SignInFailure) {
        self.file = file
        let isPEM = bytes.firstRange(of: Array("-----BEGIN ".utf8)) != nil
        let found = isPEM ? Self.readPEM(bytes, password) : Self.readPKCS12(bytes, password)
        guard let found else {
            let isLocked = isPEM && bytes.firstRange(of: Array("ENCRYPTED".utf8)) != nil
            let reason =
                switch (isPEM, isLocked || password != nil) {
                case (true, true): "its private key cannot be read: the password is missing or wrong"
                case (true, false): "it holds no certificate with a private key"
                case (false, _): "it is neither PEM nor PKCS #12, or its password is missing or wrong"
                }
            throw SignInFailure(
                .refused,
                "the certificate \(file): \(reason)",
                try: "AZURE_CLIENT_CERTIFICATE_PASSWORD, if it has one",
                "openssl pkcs12 -in OLD -legacy -nodes -out NEW.pem, for files of old programs"
            )
        }
        (key, chain) = found
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA else {
            throw SignInFailure(.refused, "the certificate \(file): its key is not RSA", try: "a certificate with RSA")
        }
        var time = time_t(now)
        guard let leaf = chain.first, X509_cmp_time(X509_get0_notAfter(leaf), &time) > 0 else {
            throw SignInFailure(
                .refused,
                "the certificate \(file) has expired",
                try: "openssl x509 -enddate -in \(file)"
            )
        }
    }

    deinit {
        EVP_PKEY_free(key)
        for certificate in chain { X509_free(certificate) }
    }

    /// The JWT that shows to the token endpoint that we hold the key, for ten minutes.
    func assertion(for principal: ServicePrincipal, now: Int64, sendsChain: Bool) throws(SignInFailure) -> Secret {
        let certificates = chain.map { "\"\(Base64.encode(Self.encoded($0)))\"" }.joined(separator: ",")
        let header =
            #"{"typ":"JWT","alg":"PS256","x5t#S256":"\#(fingerprint)"\#(sendsChain ? #","x5c":[\#(certificates)]"# : "")}"#
        let claims =
            #"{"aud":\#(JSONWord(principal.tokenURL)),"iss":\#(JSONWord(principal.clientID)),"#
            + #""sub":\#(JSONWord(principal.clientID)),"jti":"\#(RandomName.hexadecimal())","nbf":\#(now),"#
            + #""iat":\#(now),"exp":\#(now + 600)}"#
        let text = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(claims.utf8)))"
        guard let signature = signature(of: Array(text.utf8)) else {
            throw SignInFailure(
                .refused,
                "the certificate \(file): its key cannot sign",
                try: "a key of 2048 bits or more"
            )
        }
        return Secret("\(text).\(Base64URL.encode(signature))")
    }

    /// PS256: RSA-PSS with SHA-256, and by RFC 7518 a salt as long as the hash.
    private func signature(of text: [UInt8]) -> [UInt8]? {
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var padding: OpaquePointer?
        guard EVP_DigestSignInit(context, &padding, EVP_sha256(), nil, key) == 1,
            EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1,
            EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, 32) == 1
        else { return nil }
        var count = 0
        guard EVP_DigestSign(context, nil, &count, text, text.count) == 1 else { return nil }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, text, text.count) == 1 else { return nil }
        return Array(signature.prefix(count))
    }

    /// Of the certificate as it is encoded, with SHA-256.
    private var fingerprint: String {
        guard let leaf = chain.first else { return "" }
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        X509_digest(leaf, EVP_sha256(), &digest, &count)
        return Base64URL.encode(Array(digest.prefix(Int(count))))
    }

    private static func encoded(_ certificate: OpaquePointer) -> [UInt8] {
        let count = Int(i2d_X509(certificate, nil))
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            var next = buffer.baseAddress
            used = max(0, Int(i2d_X509(certificate, &next)))
        }
    }

    // MARK: Files

    private typealias Found = (key: OpaquePointer, chain: [OpaquePointer])

    private static func readPEM(_ bytes: [UInt8], _ password: Secret?) -> Found? {
        guard let key = pemKey(bytes, password), let input = BIO_new_mem_buf(bytes, Int32(bytes.count)) else {
            return nil
        }
        defer { BIO_free(input) }
        var certificates: [OpaquePointer] = []
        while let certificate = PEM_read_bio_X509(input, nil, noPassword, nil) { certificates.append(certificate) }
        // What ended the reading is no error of anybody's.
        ERR_clear_error()
        return ordered(key, certificates)
    }

    private static func pemKey(_ bytes: [UInt8], _ password: Secret?) -> OpaquePointer? {
        guard let input = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { return nil }
        defer { BIO_free(input) }
        // Without a callback OpenSSL would ask on the terminal.
        guard let password else { return PEM_read_bio_PrivateKey(input, nil, noPassword, nil) }
        return password.revealed().withCString {
            PEM_read_bio_PrivateKey(input, nil, nil, UnsafeMutableRawPointer(mutating: $0))
        }
    }

    private static let noPassword:
        @convention(c) (
            UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
        ) -> Int32 = { _, _, _, _ in -1 }

    private static func readPKCS12(_ bytes: [UInt8], _ password: Secret?) -> Found? {
        guard let input = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { return nil }
        defer { BIO_free(input) }
        guard let store = d2i_PKCS12_bio(input, nil) else { return nil }
        defer { PKCS12_free(store) }
        var (key, leaf, others): (OpaquePointer?, OpaquePointer?, OpaquePointer?) = (nil, nil, nil)
        guard PKCS12_parse(store, password?.revealed() ?? "", &key, &leaf, &others) == 1 else { return nil }
        var certificates = leaf.map { [$0] } ?? []
        while let others, let certificate = OPENSSL_sk_shift(others) { certificates.append(OpaquePointer(certificate)) }
        if let others { OPENSSL_sk_free(others) }
        guard let key else {
            for certificate in certificates { X509_free(certificate) }
            return nil
        }
        return ordered(key, certificates)
    }

    /// The key's own certificate in front; `nil` if it is not among them, and then nothing is kept.
    private static func ordered(_ key: OpaquePointer, _ certificates: [OpaquePointer]) -> Found? {
        guard let own = certificates.firstIndex(where: { X509_check_private_key($0, key) == 1 }) else {
            for certificate in certificates { X509_free(certificate) }
            EVP_PKEY_free(key)
            ERR_clear_error()
            return nil
        }
        var chain = certificates
        chain.insert(chain.remove(at: own), at: 0)
        return (key, chain)
    }
}

/// Base64 as JWTs carry it (RFC 7515): the URL-safe alphabet, no padding.
enum Base64URL {
    static func encode(_ bytes: [UInt8]) -> String {
        let text = Base64.encode(bytes).utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: byte
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// A text in quotes, as JSON has it.
private struct JSONWord: CustomStringConvertible {
    let description: String

    init(_ text: String) {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20: continue
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        description = quoted + "\""
    }
}
