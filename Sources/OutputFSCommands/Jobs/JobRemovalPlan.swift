internal import AzureBlob
internal import BlobStorage
internal import OutputConventions
internal import OutputTransfer

/// Which jobs are to go, and what they hold.
struct JobRemovalPlan: Sendable {
    let session: JobSession
    /// In seconds; `nil`: whatever their age.
    let olderThan: Int64?

    /// All that are old enough.
    func all(of conventions: Set<JobConvention>) async throws -> [AgedJobs.Aged] {
        // Batch knows loops, too.
        let isAsked = conventions.contains(.batch) || conventions.contains(.foreach)
        let batchJobs = isAsked ? try await session.batch?.jobs() ?? [] : []
        let known = KnownJobs(batchJobs)
        let catalog = JobCatalog(tree: session.store.tree, trueIDs: known.ids)
        var found: [AgedJobs.Aged] = []
        try await AgedJobs(catalog: catalog, known: known, seconds: olderThan ?? 0).each(of: conventions) {
            found.append($0)
        }
        found.removeAll { $0.isForeign }
        // A loop's container may be named as a job's: it goes once.
        var places: Set<Job.Place> = []
        found = found.filter { aged in aged.job.places.allSatisfy { places.insert($0).inserted } }
        return found.sorted { $0.job.path.utf8.lexicographicallyPrecedes($1.job.path.utf8) }
    }

    /// What is not as it was when this was planned, which may be long ago where there are many jobs; `nil`: all is, or it is
    /// gone. One listing.
    func change(since planned: AgedJobs.Aged) async throws -> String? {
        var written: [String] = []
        var count = 0
        let last = planned.summary.total.last ?? .min
        let now = try await session.catalog.summary(of: planned.job) { blob in
            guard blob.properties.version.lastModified > last else { return }
            count += 1
            if written.count < Self.namesMax { written.append(blob.names.joined(separator: "/")) }
        }
        guard let now, now.fingerprint != planned.summary.fingerprint else { return nil }
        guard count > 0 else { return "something in it was replaced or removed since it was looked at; it stays" }
        let more = count > written.count ? " and \(count - written.count) more" : ""
        return
            "\(written.joined(separator: ", "))\(more) \(count == 1 ? "was" : "were") written since it was looked at; "
            + "it stays"
    }

    private static let namesMax = 3

    /// Those that are named: each is there, and none is meant twice.
    func named(_ names: [JobName]) async throws -> [AgedJobs.Aged] {
        var found: [AgedJobs.Aged] = []
        for name in names {
            let job = try await session.job(name)
            guard !found.contains(where: { $0.job.places == job.places }) else { continue }
            guard let summary = try await session.catalog.summary(of: job) else {
                throw CommandFailure(.notFound, "\(job.path) went away")
            }
            let aged = AgedJobs.Aged(job: job, summary: summary)
            guard !aged.isForeign else {
                throw CommandFailure(
                    .usage,
                    "\(job.path): nothing in \(job.places[0].description) was written by the convention; "
                        + "it may be somebody's for other things",
                    try: "outputfs rm -r \(job.places[0].path ?? "containers/\(job.places[0].container)"), "
                        + "which leaves the container"
                )
            }
            if let olderThan {
                let last = summary.total.last ?? job.containerModified ?? 0
                guard last <= Int64(WallTime.now().seconds) - olderThan else {
                    throw CommandFailure(
                        .usage,
                        "\(job.path) was written \(ListedFile.time(last)): it is not older than --older-than",
                        try: "without --older-than"
                    )
                }
            }
            found.append(aged)
        }
        return found
    }
}

/// `jobs rm`: its JSON, and lines for people.
struct JobRemovalReport: Codable, Sendable {
    struct Removed: Codable, Sendable {
        var path: String
        var places: [String]
        var files: Int
        /// In bytes.
        var bytes: UInt64
        /// RFC 3339, in UTC.
        var lastWritten: String?

        init(_ aged: AgedJobs.Aged) {
            path = aged.job.path
            places = aged.job.places.map { $0.isContainer ? "container \($0.container)" : $0.description }
            (files, bytes) = (aged.summary.total.files, aged.summary.total.bytes)
            lastWritten = aged.summary.total.last.map { ListedFile.time($0) }
        }

        func text(isDryRun: Bool) -> String {
            let size = "\(files) file\(files == 1 ? "" : "s"), \(HumanUnits.bytes(bytes))"
            let line = "\(path)  \(size)\(lastWritten.map { ", last written \($0)" } ?? "")"
            return isDryRun ? ([line] + places.map { "  \($0)" }).joined(separator: "\n") : line
        }
    }

    struct Failure: Codable, Sendable {
        var path: String
        var reason: String
    }

    var isDryRun: Bool
    /// Those that would go, or are gone.
    var jobs: [Removed] = []
    var failures: [Failure] = []

    init(isDryRun: Bool) { self.isDryRun = isDryRun }

    var text: String {
        let files = jobs.reduce(0) { $0 + $1.files }
        let bytes = HumanUnits.bytes(jobs.reduce(0) { $0 + $1.bytes })
        let count =
            "\(jobs.count) job\(jobs.count == 1 ? "" : "s") with \(files) file\(files == 1 ? "" : "s") (\(bytes))"
        if isDryRun { return jobs.isEmpty ? "nothing would be removed" : "\(count) would be removed: give --yes" }
        return "\(count) removed" + (failures.isEmpty ? "" : ", \(failures.count) failed")
    }
}
