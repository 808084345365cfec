/// What somebody beside the store knows of jobs: the Batch service. Shown as small files that can only be read.
///
/// Every question is answered within a few seconds: what is not known by then is not there.
package protocol JobRecords: Sendable {
    /// The true ids of jobs, by container. What was known before, or nothing, where the answer takes too long.
    func jobIDs() async -> [String: String]

    /// - Parameter isListing: a directory that has other things to show waits for the answer.
    func record(_ name: RecordName, isListing: Bool) async -> JobRecord?
}

/// Whose record it is.
package enum RecordName: Sendable, Hashable {
    case job(container: String)
    case task(container: String, task: String)
}

/// A record as it is shown.
package struct JobRecord: Sendable, Hashable {
    /// JSON.
    package var text: [UInt8]
    /// When it changed, as the service writes it: `2026-11-21T10:32:16.1234567Z`.
    package var modified: String?

    package init(text: [UInt8], modified: String?) {
        self.text = text
        self.modified = modified
    }
}
