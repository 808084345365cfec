internal import Glibc

/// A host as it stands in a URL: a name, or an address (IPv6 without its brackets). Compared without regard to case.
struct HostName: Sendable, Hashable {
    let text: String

    /// - Parameter authority: `host`, `host:port`, `[::1]:port`, as in a URL; a user in front of `@` is passed over.
    init(authority: String) {
        var rest = Substring(authority)
        if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        if rest.hasPrefix("[") {
            rest = rest.dropFirst().prefix { $0 != "]" }
        } else {
            rest = rest.prefix { $0 != ":" }
        }
        // A zone index (`fe80::1%25eth0`) is this machine's business, a last dot the resolver's.
        rest = rest.prefix { $0 != "%" }
        while rest.hasSuffix(".") { rest = rest.dropLast() }
        text = rest.lowercased()
    }

    /// The host of an absolute URL.
    init(url: String) {
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        self.init(authority: String(url[start...].prefix { $0 != "/" && $0 != "?" }))
    }

    /// `localhost` and names below it (RFC 6761), 127.0.0.0/8, ::1.
    var isLoopback: Bool {
        if text == "localhost" || text.hasSuffix(".localhost") { return true }
        guard let address else { return false }
        return address.count == 4 ? address[0] == 127 : address == Self.loopback6
    }

    private static let loopback6: [UInt8] = Array(repeating: 0, count: 15) + [1]

    /// Four or sixteen bytes; `nil` for a name.
    var address: [UInt8]? { Self.address(text) }

    private static func address(_ text: some StringProtocol) -> [UInt8]? {
        let text = String(text)
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    /// Whether an entry of NO_PROXY means this host, as curl reads them: `*`, a name (also for all names below it, with or
    /// without a dot in front), an address, or a network (`10.0.0.0/8`).
    func matches(_ entry: some StringProtocol) -> Bool {
        var entry = Substring(entry.lowercased())
        if entry == "*" { return true }
        while entry.hasPrefix(".") { entry = entry.dropFirst() }
        while entry.hasSuffix(".") { entry = entry.dropLast() }
        if entry.hasPrefix("["), entry.hasSuffix("]") { entry = entry.dropFirst().dropLast() }
        guard !entry.isEmpty else { return false }
        guard let address else { return text == entry || text.hasSuffix("." + entry) }
        let parts = entry.split(separator: "/", maxSplits: 1)
        guard let network = Self.address(parts[0]), network.count == address.count else { return false }
        guard parts.count == 2 else { return network == address }
        guard let bits = Int(parts[1]), (0...network.count * 8).contains(bits) else { return false }
        return zip(network, address).enumerated()
            .allSatisfy { index, pair in
                let length = min(max(bits - index * 8, 0), 8)
                return (pair.0 ^ pair.1) >> (8 - length) == 0
            }
    }
}

extension BlobEndpoint {
    /// Whether bytes and credentials for it leave this machine in the clear.
    package var isOpenToTheNetwork: Bool { scheme == "http" && !HostName(authority: authority).isLoopback }
}
