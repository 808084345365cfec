internal import BlobStorage
internal import CCurl

extension NetworkObstacle {
    /// What libcurl's failure shows, if anything.
    init?(_ code: CURLcode, reason: String, _ handle: EasyHandle, isSecure: Bool) {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: self = .unknownHost
        case CURLE_COULDNT_RESOLVE_PROXY: self = .proxy(.unknownHost)
        case CURLE_COULDNT_CONNECT: self = .unreachable
        case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM: self = .certificate(.file)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR:
            // libcurl compares the name itself, after the certificate.
            let isName = reason.contains("target host")
            self = .certificate(isName ? .hostName : CertificateProblem(number: handle.certificateError))
        case CURLE_SSL_CONNECT_ERROR:
            guard Self.meansNoTLS(reason) else { return nil }
            self = .notTLS
        case CURLE_OPERATION_TIMEDOUT
        where isSecure && (handle.diedInHandshake || reason.contains("SSL connection timeout")):
            self = .silentHandshake
        default:
            guard let proxy = Self.proxyProblem(status: handle.proxyStatus) else { return nil }
            self = proxy
        }
    }

    /// What a refusal shows: of the proxy itself, or that the clocks differ by more than a refusal would need.
    init?(_ head: ResponseHead, _ kind: StorageError.Kind, wallClock: Int64) {
        if head.status == 407 {
            self = .proxy(.credentials)
        } else if kind == .unauthenticated, let date = head.date, abs(date - wallClock) > Self.clockOffsetMin {
            self = .clock(offset: date - wallClock)
        } else {
            return nil
        }
    }

    /// In seconds. The service takes requests that are 15 minutes old; a token may begin at once.
    private static let clockOffsetMin: Int64 = 120

    /// OpenSSL's words for an answer that is no TLS record: 3.0's, and those since 3.2.
    private static func meansNoTLS(_ reason: String) -> Bool {
        ["wrong version number", "packet length too long", "http request", "unknown protocol", "record layer failure"]
            .contains { reason.contains($0) }
    }

    static func proxyProblem(status: Int) -> NetworkObstacle? {
        switch status {
        // Of wrong ones tinyproxy says 401.
        case 401, 407: .proxy(.credentials)
        case 400...: .proxy(.refused(status: status))
        default: nil
        }
    }
}

extension NetworkObstacle.CertificateProblem {
    /// By X509_V_ERR_… of <openssl/x509_vfy.h>.
    init(number: Int) {
        switch number {
        case 62: self = .hostName
        case 2, 18, 19, 20, 21: self = .issuer
        case 9: self = .notYetValid
        case 10: self = .expired
        default: self = .other
        }
    }
}
