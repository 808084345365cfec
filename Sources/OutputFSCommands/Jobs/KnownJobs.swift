internal import AzureBlob
internal import OutputConventions
internal import OutputTransfer

/// What Batch said of its jobs, by their containers.
struct KnownJobs: Sendable {
    private var byContainer: [String: BatchJob] = [:]

    init(_ jobs: [BatchJob]) {
        for job in jobs { byContainer[JobContainer.name(forJob: job.id)] = job }
    }

    /// True ids, by container.
    var ids: [String: String] { byContainer.mapValues(\.id) }

    func state(of job: Job) -> String? {
        guard job.convention == .batch else { return nil }
        return job.places.first.flatMap { byContainer[$0.container]?.state }
    }

    /// Whether Batch knows the job and it goes on. A loop is a job of Batch whose id its container has for a name.
    func isActive(_ job: Job) -> Bool {
        guard job.convention != .azureml else { return false }
        let containers = job.places.map(\.container) + [JobContainer.name(forJob: job.id)]
        return containers.contains { byContainer[$0].map { $0.state != "completed" } ?? false }
    }
}
