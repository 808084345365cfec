/// An HTTP or SOCKS proxy.
package struct Proxy: Sendable, Hashable {
    /// `http://proxy.example:3128`: without user and password.
    package let url: String
    package var user: String?
    package var password: Secret?
    /// PEM files by which we prove to a proxy over TLS who we are.
    package var certificateFile: String?
    package var keyFile: String?

    private static let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

    /// `[scheme://][user[:password]@]host[:port]`, as curl reads it: `http` where no scheme is given. User and password
    /// are percent-encoded.
    package init(_ text: String) throws(AccountError) {
        let mark = text.firstRange(of: "://")
        let scheme = mark.map { text[..<$0.lowerBound].lowercased() } ?? "http"
        guard Self.schemes.contains(scheme) else {
            throw AccountError("a proxy is http://host:port, https:// or socks5h://, not \(scheme)://")
        }
        var authority = text[(mark?.upperBound ?? text.startIndex)...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") {
            let parts = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { PercentEncoding.decode($0) }
            guard let user = decoded[0] else { throw Self.unreadableUser }
            self.user = user
            if parts.count == 2 {
                guard let text = decoded[1] else { throw Self.unreadableUser }
                password = Secret(text)
            }
            authority = authority[authority.index(after: at)...]
        }
        guard !authority.isEmpty, !authority.hasPrefix(":") else { throw AccountError("a proxy needs a host") }
        url = "\(scheme)://\(authority)"
    }

    private static let unreadableUser = AccountError("the proxy's user or password is not percent-encoded text")
}

/// Which requests go through which proxy.
package struct ProxySettings: Sendable, Hashable {
    /// For `https` URLs; for `http` URLs.
    package var secure: Proxy?
    package var plain: Proxy?
    /// Hosts that are reached directly, as NO_PROXY writes them.
    package var exceptions: [String] = []

    /// Everything is reached directly.
    package static let direct = ProxySettings()

    package init() {}

    /// One proxy for everything, but for the exceptions of the environment.
    package init(_ proxy: Proxy, environment: [String: String]) {
        (secure, plain) = (proxy, proxy)
        exceptions = Self.exceptions(environment)
    }

    /// What the environment says, with curl's names in curl's order: the lower-case one first, `http_proxy` in lower case
    /// only (a web server gives its children HTTP_PROXY out of a request's header), ALL_PROXY last.
    package init(environment: [String: String]) throws(ProxyVariableError) {
        let all = ["all_proxy", "ALL_PROXY"]
        secure = try Self.proxy(["https_proxy", "HTTPS_PROXY"] + all, environment)
        plain = try Self.proxy(["http_proxy"] + all, environment)
        exceptions = Self.exceptions(environment)
    }

    private static func proxy(_ names: [String], _ environment: [String: String]) throws(ProxyVariableError) -> Proxy? {
        // An empty one says "none", and ends the search.
        guard let name = names.first(where: { environment[$0] != nil }), let text = environment[name], !text.isEmpty
        else { return nil }
        do throws(AccountError) { return try Proxy(text) } catch {
            throw ProxyVariableError(variable: name, reason: error.description)
        }
    }

    private static func exceptions(_ environment: [String: String]) -> [String] {
        let list = environment["no_proxy"] ?? environment["NO_PROXY"] ?? ""
        return list.split { $0 == "," || $0 == " " || $0 == "\t" }.map(String.init)
    }

    /// The proxy that a request goes through. Never this machine's own services and the metadata service of a virtual
    /// machine, whose answer is for who asks from that machine.
    package func proxy(forURL url: String) -> Proxy? {
        guard let proxy = url.hasPrefix("https:") ? secure : plain else { return nil }
        let host = HostName(url: url)
        guard !host.isLoopback, host.text != "169.254.169.254" else { return nil }
        return exceptions.contains { host.matches($0) } ? nil : proxy
    }
}

/// A variable that names no proxy; without what stands in it, which may be a password.
package struct ProxyVariableError: Error, Sendable, Hashable {
    package let variable: String
    package let reason: String
}
