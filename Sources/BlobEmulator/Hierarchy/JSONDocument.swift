internal import FoundationEssentials

/// The documents of the Data Lake endpoint.
enum JSONDocument {
    /// Empty for a value that JSON cannot express, of which there is none here.
    static func bytes(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(value)).map { [UInt8]($0) } ?? []
    }
}
