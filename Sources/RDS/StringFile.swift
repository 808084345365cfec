/// An RDS file that holds one character vector, as the metadata of a job does.
package enum StringFile {
    private static let budget = ValueBudget(elements: 100, bytes: 1 << 20)

    /// Its first string.
    package static func string(in source: any ByteSource) throws -> String {
        let reader = try RDSReader(source)
        var budget = Self.budget
        guard let string = try reader.value(&budget).string else {
            throw RDSError(0, "holds no string")
        }
        try reader.finish()
        return string
    }
}
