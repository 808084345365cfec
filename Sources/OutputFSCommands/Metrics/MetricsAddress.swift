internal import ArgumentParser

/// Where metrics may be fetched: `--metrics`.
enum MetricsAddress: Sendable, Equatable, CustomStringConvertible {
    /// An address in numbers; port 0 takes a free one.
    case tcp(host: String, port: UInt16)
    /// Absolute.
    case unix(path: String)

    /// `9464` (this machine only), `0.0.0.0:9464`, `[::1]:9464`, `unix:/run/outputfs/metrics.sock`.
    init(_ text: String) throws {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/") else { throw ValidationError("write unix: and a path from the root") }
            self = .unix(path: path)
            return
        }
        let colon = text.lastIndex(of: ":")
        var host = colon.map { String(text[..<$0]) } ?? "127.0.0.1"
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw ValidationError("write an IPv6 address in brackets: [::1]:9464")
        }
        if host == "localhost" { host = "127.0.0.1" }
        guard !host.isEmpty, let port = UInt16(colon.map { text[text.index(after: $0)...] } ?? text[...]) else {
            throw ValidationError("write 127.0.0.1:9464, a port alone, or unix:/path")
        }
        self = .tcp(host: host, port: port)
    }

    var description: String {
        switch self {
        case .tcp(let host, let port): "http://\(host.contains(":") ? "[\(host)]" : host):\(port)/metrics"
        case .unix(let path): "unix:\(path)"
        }
    }
}
