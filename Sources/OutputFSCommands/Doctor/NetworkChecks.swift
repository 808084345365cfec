internal import AzureBlob
internal import Glibc

/// The way to the store, one step after the other, so that a failed request can be told apart.
enum NetworkChecks {
    /// A host and a port, as a URL has them.
    struct Target: Sendable, Equatable {
        var host: String
        var port: String

        /// - Parameter authority: `farm.blob.core.windows.net`, `127.0.0.1:10000`, `[::1]:443`.
        init(authority: String, scheme: String) {
            let standard = scheme == "https" ? "443" : "80"
            if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
                host = String(authority[authority.index(after: authority.startIndex)..<end])
                let rest = authority[authority.index(after: end)...]
                port = rest.hasPrefix(":") ? String(rest.dropFirst()) : standard
            } else {
                let parts = authority.split(separator: ":", maxSplits: 1).map(String.init)
                (host, port) = (parts.first ?? "", parts.count == 2 ? parts[1] : standard)
            }
        }
    }

    static func name(_ endpoint: BlobEndpoint) -> Finding {
        let target = Target(authority: endpoint.authority, scheme: endpoint.scheme)
        switch addresses(of: target) {
        case .failure(let reason):
            return Finding(
                "name",
                .problem,
                "\(target.host) does not resolve: \(reason.words)",
                try: "the account's name, and the endpoint",
                "getent hosts \(target.host); /etc/resolv.conf; for a private endpoint, its zone privatelink.blob.core.windows.net"
            )
        case .success(let addresses):
            let shown = addresses.prefix(3).joined(separator: ", ")
            let isPrivate = addresses.contains(where: Self.isPrivate)
            let kind = isPrivate ? " (a private network's: a private endpoint, or this machine)" : ""
            return Finding("name", .ok, "\(target.host) is \(shown)\(kind)")
        }
    }

    /// Whether what is sent can be read on its way.
    ///
    /// - Parameter refusal: why no connection was made, where that was for its encryption.
    static func encryption(_ endpoint: BlobEndpoint, refusal: String?) -> Finding {
        let target = Target(authority: endpoint.authority, scheme: endpoint.scheme)
        if let refusal {
            return Finding(
                "encryption",
                .problem,
                refusal,
                try: "date (a certificate is good from one day to another)",
                "the authority of a proxy that looks into what it passes on: into /usr/local/share/ca-certificates, then update-ca-certificates"
            )
        }
        guard endpoint.scheme == "http" else { return Finding("encryption", .ok, "TLS, and the name is proved") }
        let isHere: Bool
        switch addresses(of: target) {
        case .success(let addresses): isHere = addresses.allSatisfy { $0.hasPrefix("127.") || $0 == "::1" }
        case .failure: isHere = false
        }
        return isHere
            ? Finding("encryption", .ok, "none, and nothing leaves this machine")
            : Finding(
                "encryption",
                .problem,
                "none: everybody on the way can read and change what is sent",
                try: "https:// in front of \(endpoint.authority)"
            )
    }

    /// What a name stands for, in numbers.
    static func addresses(of target: Target) -> Result<[String], LookupFailure> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(target.host, target.port, &hints, &found)
        guard status == 0 else { return .failure(LookupFailure(words: String(cString: gai_strerror(status)))) }
        defer { freeaddrinfo(found) }
        var addresses: [String] = []
        var next = found
        while let info = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                let address = text.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                if !addresses.contains(address) { addresses.append(address) }
            }
            next = info.ai_next
        }
        return .success(addresses)
    }

    struct LookupFailure: Error, Sendable, Equatable {
        var words: String
    }

    /// RFC 1918, RFC 4193, link-local and loopback.
    static func isPrivate(_ address: String) -> Bool {
        let parts = address.split(separator: ".").compactMap { Int($0) }
        guard parts.count == 4 else {
            let text = address.lowercased()
            return text == "::1" || ["fc", "fd", "fe8", "fe9", "fea", "feb"].contains { text.hasPrefix($0) }
        }
        return switch (parts[0], parts[1]) {
        case (10, _), (127, _), (192, 168), (169, 254): true
        case (172, 16...31): true
        default: false
        }
    }
}
