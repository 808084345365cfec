/// How the process ended that did the work for its machine, for those that waited.
package struct NodeOutcome: Codable, Sendable, Hashable {
    /// Another one each time.
    package let id: String
    /// Who it was, in words.
    package let by: String
    package let files: Int
    package let byteCount: UInt64
    /// Why it failed; `nil`: all of it is there.
    package let failure: String?

    package init(by: String, files: Int, byteCount: UInt64, failure: String?) {
        id = RandomID.uuid()
        (self.by, self.files, self.byteCount, self.failure) = (by, files, byteCount, failure)
    }
}
