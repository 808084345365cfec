/// Shared Key authorization: what is signed, and the header that carries the signature.
enum SharedKey {
    /// Headers with a line of their own, in this order. `Date` is empty because `x-ms-date` is always sent.
    private static let lines = [
        "Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
        "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
    ]

    /// The string to sign of versions since 2016-05-31.
    ///
    /// - Parameters:
    ///   - path: as it is sent, percent-encoding and all, at least `/`.
    ///   - query: names and values, decoded.
    static func stringToSign(
        method: String,
        account: String,
        path: String,
        query: [QueryItem],
        headers: [HTTPHeader]
    ) -> String {
        var text = method + "\n"
        for line in lines {
            let value = headers.first { $0.hasName(line) }?.value ?? ""
            // Since 2015-02-21 a length of 0 is signed as nothing.
            text += line == "Content-Length" && value == "0" ? "" : value
            text += "\n"
        }
        let named = headers.map { ($0.name.lowercased(), $0.value) }.filter { $0.0.hasPrefix("x-ms-") }
        for (name, value) in named.sorted(by: { HeaderOrder.isBefore($0.0, $1.0) }) {
            text += "\(name):\(value.trimmingBlanks())\n"
        }
        text += "/\(account)\(path.isEmpty ? "/" : path)"
        for (name, values) in grouped(query) {
            text += "\n\(name):\(values.joined(separator: ","))"
        }
        return text
    }

    static func authorization(account: String, key: SigningKey, stringToSign: String) -> String {
        "SharedKey \(account):\(key.signature(of: stringToSign))"
    }

    /// By lower-case name, sorted; the values of one name sorted too.
    private static func grouped(_ query: [QueryItem]) -> [(String, [String])] {
        var groups: [String: [String]] = [:]
        for item in query { groups[item.name.lowercased(), default: []].append(item.value) }
        return groups.map { ($0.key, $0.value.sorted(by: bytewise)) }.sorted { bytewise($0.0, $1.0) }
    }

    private static func bytewise(_ one: String, _ other: String) -> Bool {
        one.utf8.lexicographicallyPrecedes(other.utf8)
    }
}
