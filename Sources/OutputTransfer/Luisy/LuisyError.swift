/// Why a project of luisy cannot be worked on.
package struct LuisyError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String
    /// What people can do about it, one line each.
    package let remedies: [String]
    /// Something that was named is not there.
    package let isMissing: Bool

    init(_ description: String, try remedies: String..., isMissing: Bool = false) {
        (self.description, self.remedies, self.isMissing) = (description, remedies, isMissing)
    }
}
