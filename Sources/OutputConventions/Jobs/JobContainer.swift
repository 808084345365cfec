/// Which container holds the outputs of a job.
package enum JobContainer {
    /// What the names of all job containers begin with.
    package static let prefix = "job-"

    /// The container of a job, by the algorithm of the .NET library; the case of `id` does not matter.
    package static func name(forJob id: String) -> String {
        prefix + id
    }

    /// Whether Batch may have given a job this id. Jobs of a schedule have a colon in theirs.
    package static func isJobID(_ id: String) -> Bool {
        !id.isEmpty
    }
}
