/// What a verification found out about one file; told as it happens.
package struct VerifyEvent: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// The bytes have the MD5 that their writer stored, or are those of the local file.
        case verified
        /// The bytes could be read; what they should be cannot be told, and why not.
        case unverifiable(String)
        /// They are something else, or something that belongs to them is not there.
        case wrong(String)
        /// They could not be read.
        case failed(String)
    }

    /// In the tree, with a slash in front; of a local file its own.
    package let path: String
    package let kind: Kind

    package init(_ path: String, _ kind: Kind) { (self.path, self.kind) = (path, kind) }
}
