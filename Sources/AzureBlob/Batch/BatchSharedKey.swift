/// The string that a Batch account's key signs. It differs from Storage's: a line for each standard header, then the
/// `ocp-` headers, then the resource with its decoded query.
enum BatchSharedKey {
    /// Of a GET without a body: all standard headers are empty, since the date travels in `ocp-date`.
    ///
    /// - Parameters:
    ///   - path: as it is sent, with its slash.
    ///   - query: decoded.
    static func stringToSign(account: String, path: String, query: [(String, String)], date: String) -> String {
        var lines = ["GET"] + [String](repeating: "", count: 11)
        lines.append("ocp-date:\(date)")
        lines.append("/\(account)\(path)")
        for (name, value) in query.map({ ($0.0.lowercased(), $0.1) }).sorted(by: { $0.0 < $1.0 }) {
            lines.append("\(name):\(value)")
        }
        return lines.joined(separator: "\n")
    }
}
