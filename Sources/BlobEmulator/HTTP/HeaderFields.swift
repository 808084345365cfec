/// The header fields of a request, in the order and spelling in which they came.
struct HeaderFields: Sendable {
    struct Field: Sendable {
        /// The name in lower case, by which fields are found.
        let key: String
        /// The name as sent: metadata keeps its case.
        let name: String
        /// Without blanks at its ends.
        let value: String
    }

    private(set) var fields: [Field] = []

    mutating func append(_ field: Field) {
        fields.append(field)
    }

    mutating func append(name: String, value: String) {
        fields.append(Field(key: name.lowercased(), name: name, value: value))
    }

    /// The first field of that name; `key` is in lower case. Fields with an empty value count as present.
    subscript(key: String) -> String? {
        for field in fields where field.key == key { return field.value }
        return nil
    }

    /// As the subscript, but nil for an empty value.
    func nonEmpty(_ key: String) -> String? {
        guard let value = self[key], !value.isEmpty else { return nil }
        return value
    }

    func isTrue(_ key: String) -> Bool {
        self[key]?.lowercased() == "true"
    }
}
