/// The URL under which an account's containers are, in parts.
///
/// Its own path decides the style and nothing is guessed from the host: without a path the account is in the host
/// (`https://acc.blob.core.windows.net`), with one it is the path (`http://127.0.0.1:10000/devstoreaccount1`).
package struct BlobEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// `https` or `http`.
    package let scheme: String
    /// Host, with `:port` if it was given.
    package let authority: String
    /// Empty in host style; in path style `/account`. Never ends in a slash.
    package let path: String

    package init(_ text: String) throws(AccountError) {
        let parts = try URLParts(text)
        guard parts.query == nil else {
            throw AccountError("a Blob endpoint has no query: put a SAS into the credential")
        }
        var path = Substring(parts.path)
        while path.hasSuffix("/") { path = path.dropLast() }
        scheme = parts.scheme
        authority = parts.authority
        self.path = String(path)
    }

    init(scheme: String, authority: String, path: String) {
        self.scheme = scheme
        self.authority = authority
        self.path = path
    }

    /// Without the port; of an IPv6 address in its brackets.
    package var host: String {
        authority.hasPrefix("[")
            ? String(authority.prefix { $0 != "]" }) + "]" : String(authority.prefix { $0 != ":" })
    }

    package var isPathStyle: Bool { !path.isEmpty }

    /// The account's Data Lake endpoint: `.dfs.` in the place of `.blob.`, in all clouds and behind private links. In path
    /// style, emulators have both in one place. `nil` for a domain of one's own.
    package var dataLake: BlobEndpoint? {
        if isPathStyle { return self }
        guard let label = authority.firstRange(of: ".blob.") else { return nil }
        let host = authority[..<label.lowerBound] + ".dfs." + authority[label.upperBound...]
        return BlobEndpoint(scheme: scheme, authority: String(host), path: path)
    }

    package var description: String { "\(scheme)://\(authority)\(path)" }
}

/// The few parts of a URL that matter here; no decoding, no normalisation.
struct URLParts {
    let scheme: String
    let authority: String
    /// As it stands, with its leading slash; empty if there is none.
    let path: String
    /// Without `?`; `nil` if there is no `?`.
    let query: String?

    init(_ text: String) throws(AccountError) {
        guard let mark = text.firstRange(of: "://") else {
            throw AccountError("a Blob endpoint begins with https:// (or http:// for an emulator)")
        }
        let scheme = text[..<mark.lowerBound].lowercased()
        guard scheme == "https" || scheme == "http" else {
            throw AccountError("a Blob endpoint begins with https:// or http://, not \(scheme)://")
        }
        var rest = text[mark.upperBound...]
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        let question = rest.firstIndex(of: "?")
        query = question.map { String(rest[rest.index(after: $0)...]) }
        rest = rest[..<(question ?? rest.endIndex)]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard slash > rest.startIndex else { throw AccountError("a Blob endpoint needs a host") }
        guard !rest[..<slash].contains("@") else {
            throw AccountError("a Blob endpoint has no user name: put the key into the credential")
        }
        self.scheme = scheme
        authority = String(rest[..<slash])
        path = String(rest[slash...])
    }
}
