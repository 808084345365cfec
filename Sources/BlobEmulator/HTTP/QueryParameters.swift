/// The parameters of a request target, percent-decoded. Names compare without case; a `+` is a plus.
struct QueryParameters: Sendable {
    struct Parameter: Sendable {
        /// In lower case.
        let name: String
        let value: String
    }

    private(set) var parameters: [Parameter] = []

    /// Nil if the percent-encoding is broken. The text of a value may itself hold `=`.
    init?(_ query: String) {
        for part in query.utf8.split(separator: UInt8(ascii: "&")) {
            let mark = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            guard let name = PercentCoding.decode(part[..<mark]),
                let value = PercentCoding.decode(
                    mark < part.endIndex ? part[part.index(after: mark)...] : part[mark...]
                )
            else { return nil }
            parameters.append(
                Parameter(
                    name: String(decoding: name, as: UTF8.self).lowercased(),
                    value: String(decoding: value, as: UTF8.self)
                )
            )
        }
    }

    /// The first parameter of that name; nil if it is absent.
    subscript(name: String) -> String? {
        for parameter in parameters where parameter.name == name { return parameter.value }
        return nil
    }

    /// As the subscript, but nil for an empty value too.
    func nonEmpty(_ name: String) -> String? {
        guard let value = self[name], !value.isEmpty else { return nil }
        return value
    }
}
