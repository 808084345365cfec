/// What doAzureParallel notes of a job when it submits it: `<metadata><chunkSize>2</chunkSize>…</metadata>`, in `<c>-metadata.rds`.
package struct ForeachMetadata: Sendable, Hashable {
    /// Iterations of a task.
    package var chunkSize: Int?
    /// `stop`, `pass` or `remove`.
    package var errorHandling: String?
    /// Whether a last task puts all results into one.
    package var combinesInCloud: Bool?
    /// From CRAN; those from elsewhere are not noted.
    package var packages: [String]

    /// By its tags and not as XML: the values are not escaped.
    package init(_ text: String) {
        chunkSize = Self.value(of: "chunkSize", in: text).flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        errorHandling = Self.value(of: "errorHandling", in: text)
        combinesInCloud = Self.value(of: "enableCloudCombine", in: text).map { $0 == "TRUE" }
        packages = (Self.value(of: "packages", in: text) ?? "").split(separator: ";").map(String.init)
    }

    private static func value(of tag: String, in text: String) -> String? {
        guard let start = range(of: "<\(tag)>", in: text.utf8[...])?.upperBound,
            let end = range(of: "</\(tag)>", in: text.utf8[start...])?.lowerBound
        else { return nil }
        return String(Substring(text.utf8[start..<end]))
    }

    private static func range(of word: String, in text: Substring.UTF8View) -> Range<String.Index>? {
        var rest = text
        while rest.count >= word.utf8.count {
            if rest.starts(with: word.utf8) {
                return rest.startIndex..<rest.index(rest.startIndex, offsetBy: word.utf8.count)
            }
            rest = rest.dropFirst()
        }
        return nil
    }
}
