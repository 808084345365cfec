/// The strings that Shared Key and Shared Key Lite sign.
enum SharedKey {
    /// `Authorization: SharedKey`: the twelve header lines, the `x-ms-` headers, the resource with all parameters.
    static func stringToSign(_ head: RequestHead, account: String, query: QueryParameters, path: String) -> String {
        let headers = head.headers
        let length = headers["content-length"] ?? ""
        let date = headers["x-ms-date"] == nil ? headers["date"] ?? "" : ""
        let lines = [
            head.method.uppercased(), headers["content-encoding"] ?? "", headers["content-language"] ?? "",
            length == "0" ? "" : length, headers["content-md5"] ?? "", headers["content-type"] ?? "", date,
            headers["if-modified-since"] ?? "", headers["if-match"] ?? "", headers["if-none-match"] ?? "",
            headers["if-unmodified-since"] ?? "", headers["range"] ?? "",
        ]
        return lines.joined(separator: "\n") + "\n" + canonicalizedHeaders(headers)
            + canonicalizedResource(account: account, path: path, query: query)
    }

    /// `Authorization: SharedKeyLite`: fewer headers, and of the parameters only `comp`.
    static func liteStringToSign(_ head: RequestHead, account: String, query: QueryParameters, path: String) -> String {
        let headers = head.headers
        let date = headers["x-ms-date"] == nil ? headers["date"] ?? "" : ""
        let lines = [
            head.method.uppercased(), headers["content-md5"] ?? "", headers["content-type"] ?? "", date,
        ]
        return lines.joined(separator: "\n") + "\n" + canonicalizedHeaders(headers) + "/" + account + path
            + (query["comp"].map { "?comp=" + $0 } ?? "")
    }

    /// One line per `x-ms-` header, in the service's order; a header without a value keeps its line.
    static func canonicalizedHeaders(_ headers: HeaderFields) -> String {
        headers.fields.filter { $0.key.hasPrefix("x-ms-") }
            .sorted { HeaderOrder.precedes($0.key, $1.key) }
            .map { "\($0.key):\(singleSpaced($0.value))\n" }
            .joined()
    }

    /// Account and path as sent, then one line per parameter: names in lower case and sorted, the values of one name
    /// sorted and joined by commas.
    static func canonicalizedResource(account: String, path: String, query: QueryParameters) -> String {
        var values: [String: [String]] = [:]
        for parameter in query.parameters { values[parameter.name, default: []].append(parameter.value) }
        let lines = values.keys.sorted { Name($0) < Name($1) }
            .map { name in
                let sorted = (values[name] ?? []).sorted { Name($0) < Name($1) }
                return "\n\(name):\(sorted.joined(separator: ","))"
            }
        return "/" + account + (path.isEmpty ? "/" : path) + lines.joined()
    }

    /// Runs of blanks become one space, except within quotes.
    private static func singleSpaced(_ value: String) -> String {
        guard value.utf8.contains(UInt8(ascii: "\t")) || value.contains("  ") else { return value }
        var result: [UInt8] = []
        var isQuoted = false
        for byte in value.utf8 {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
            if isBlank, !isQuoted {
                if result.last != UInt8(ascii: " ") { result.append(UInt8(ascii: " ")) }
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func signature(of stringToSign: String, key: [UInt8]) -> String {
        Base64.encode(hmacSHA256(key: key, message: stringToSign))
    }
}
