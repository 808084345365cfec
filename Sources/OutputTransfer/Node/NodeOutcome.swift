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
    /// The exit status of one that failed, where it says so.
    package let status: Int32?

    package init(by: String, files: Int, byteCount: UInt64, failure: String?, status: Int32? = nil) {
        id = RandomID.uuid()
        (self.by, self.files, self.byteCount) = (by, files, byteCount)
        (self.failure, self.status) = (failure, status)
    }
}
