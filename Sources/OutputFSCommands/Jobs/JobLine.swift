internal import OutputConventions
internal import OutputTransfer

/// A line of `jobs list`: one JSON object, or columns for people.
struct JobLine: Codable, Sendable {
    var convention: JobConvention
    var id: String
    /// In the tree.
    var path: String
    /// Of Batch and foreach: the job's own.
    var container: String?
    /// When the container was made or its settings changed; RFC 3339, in UTC.
    var containerModified: String?
    /// As Batch has it, where it is asked: `active`, `completed`, …
    var state: String?
    /// Where the blobs were counted: when the last of them was written.
    var lastWritten: String?

    init(_ job: Job, state: String?, lastWritten: Int64? = nil) {
        (convention, id, path) = (job.convention, job.id, job.path)
        if job.places.count == 1, job.places[0].isContainer { container = job.places[0].container }
        containerModified = job.containerModified.map { ListedFile.time($0) }
        self.state = state
        self.lastWritten = lastWritten.map { ListedFile.time($0) }
    }

    /// Of a fixed width, since a list of 50,000 is shown while it comes; the id is last, and as long as it likes.
    static func columns(_ convention: String, _ time: String, _ state: String, _ id: String) -> String {
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(0, width - text.count))
        }
        return "\(padded(convention, 8))  \(padded(time, 20))  \(padded(state, 11))  \(id)"
    }

    var text: String {
        Self.columns(convention.rawValue, lastWritten ?? containerModified ?? "-", state ?? "-", id)
    }
}
