internal import BlobStorage
internal import OutputConventions
internal import OutputTransfer

/// Jobs into which nothing was written for a while, by the times of their blobs. A container's own time says when it was
/// made: a job may have been writing into it since. One that Batch says goes on is not old, however long it is silent.
struct AgedJobs: Sendable {
    /// A job with what it has left.
    struct Aged: Sendable {
        let job: Job
        let summary: JobSummary

        /// A container that is called as a job's, or a folder that may be a run's, and holds other things only: a name proves
        /// nothing.
        var isForeign: Bool {
            switch job.convention {
            case .batch: summary.total.files > 0 && summary.kinds.allSatisfy { $0.name == JobBlob.other }
            case .azureml: !job.places.contains { RunPlaces.proves($0.prefix) }
            case .foreach: false
            }
        }
    }

    let catalog: JobCatalog
    let known: KnownJobs
    /// Since when, in seconds.
    let seconds: Int64

    private static let listingsMax = 16

    /// Gives each to `body`, one at a time.
    func each(of conventions: Set<JobConvention>, _ body: (Aged) throws -> Void) async throws {
        let limit = Int64(WallTime.now().seconds) - seconds
        let (jobs, feed) = AsyncStream<Job>.makeStream()
        try await withThrowingTaskGroup(of: Aged?.self) { group in
            group.addTask { [catalog, known] in
                defer { feed.finish() }
                try await catalog.each(of: conventions) { job in
                    if !known.isActive(job) { feed.yield(job) }
                }
                return nil
            }
            var running = 0
            for await job in jobs {
                if running == Self.listingsMax {
                    if let aged = try await group.next() ?? nil { try body(aged) }
                    running -= 1
                }
                running += 1
                group.addTask { try await aged(job, limit) }
            }
            while let found = try await group.next() { if let found { try body(found) } }
        }
    }

    private func aged(_ job: Job, _ limit: Int64) async throws -> Aged? {
        var job = job
        if job.convention == .azureml {
            // Of the places that a run may have, those that it has.
            guard let found = try await catalog.find(JobName(job)).first else { return nil }
            job = found
        }
        guard let summary = try await catalog.summary(of: job) else { return nil }
        // A job without a blob is as old as its container; a run without one is gone.
        guard let last = summary.total.last ?? job.containerModified, last <= limit else { return nil }
        return Aged(job: job, summary: summary)
    }
}

extension JobCatalog {
    /// What is in a job; `nil` if it went away since it was found.
    ///
    /// - Parameter body: is given each of its files.
    func summary(of job: Job, _ body: (JobBlob) -> Void = { _ in }) async throws -> JobSummary? {
        var summary = JobSummary()
        do throws(any Error) {
            try await eachBlob(of: job) { blob in
                summary.add(blob)
                body(blob)
            }
        } catch {
            guard let error = error as? StorageError, error.kind == .notFound || error.kind == .containerBeingDeleted
            else { throw error }
            return nil
        }
        return summary
    }
}
