/// The order in which azure-ai-ml hashes the entries of a folder: by their names in lower case, as Python's `str.lower()`
/// gives them, code point by code point.
///
/// Swift's own comparison takes `é` composed and decomposed for one, and its `lowercased()` knows no final sigma.
package struct SortKey: Comparable, Hashable, Sendable {
    private let scalars: [UInt32]

    package init(_ name: String) {
        let source = Array(name.unicodeScalars)
        scalars = source.indices.flatMap { index -> [UInt32] in
            if source[index] == "\u{3A3}", Self.isFinal(source, index) { return [0x3C2] }
            return source[index].properties.lowercaseMapping.unicodeScalars.map(\.value)
        }
    }

    package static func < (one: SortKey, other: SortKey) -> Bool {
        one.scalars.lexicographicallyPrecedes(other.scalars)
    }

    /// Unicode's condition Final_Sigma: a cased letter before it, none behind it, what is case-ignorable passed over.
    private static func isFinal(_ source: [Unicode.Scalar], _ index: Int) -> Bool {
        let before = source[..<index].last { !$0.properties.isCaseIgnorable }
        let after = source[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return before?.properties.isCased == true && after?.properties.isCased != true
    }
}
