internal import BlobStorage
internal import OutputConventions
internal import OutputTransfer
internal import OutputTree

/// Takes a job away: its container, or what containers hold of it that belong to others, too.
struct JobRemoval: Sendable {
    let catalog: JobCatalog
    /// Deletes below paths of the tree, in the versions that a listing showed.
    let blobs: MassRemoval
    /// Requests in flight.
    let atOnce: Int

    /// What is still there, and why.
    func remove(_ planned: AgedJobs.Aged) async -> [JobRemovalReport.Failure] {
        let job = planned.job
        guard job.convention == .azureml else {
            do throws(StorageError) {
                try await catalog.deleteContainer(of: job)
                return []
            } catch { return [.init(path: job.path, reason: Self.words(error, job))] }
        }
        var failures: [JobRemovalReport.Failure] = []
        for place in job.places {
            guard let path = place.path else {
                failures.append(.init(path: place.description, reason: "the tree has no name for it"))
                continue
            }
            do throws(RemovalRefusal) { failures += try await remove(below: path, upTo: planned) } catch {
                if error.kind != .notFound { failures.append(.init(path: path, reason: error.reason)) }
            }
        }
        return failures
    }

    private func remove(
        below path: String,
        upTo planned: AgedJobs.Aged
    ) async throws(RemovalRefusal) -> [JobRemovalReport.Failure] {
        let last = planned.summary.total.last ?? .min
        var failures: [JobRemovalReport.Failure] = []
        var step = RemovalStep(path: path, isRecursive: true, isDryRun: false, atOnce: atOnce)
        repeat {
            guard !Task.isCancelled else { return failures + [.init(path: path, reason: "interrupted")] }
            // What the plan did not show was written since then.
            let answer = try await blobs.run(step) { $0.version.lastModified > last }
            failures += answer.failures.map { .init(path: $0.path, reason: $0.reason) }
            (step.marker, step.directory) = (answer.next, answer.directory)
        } while step.marker != nil
        return failures
    }

    /// What stands in the way, by its name.
    private static func words(_ error: StorageError, _ job: Job) -> String {
        switch error.kind {
        case .conditionFailed: "its container was made anew, or its settings changed, since it was looked at; it stays"
        case .leased: "somebody holds a lease on its container, which stays: \(error)"
        case .immutable:
            "a legal hold or a retention policy guards its container, which stays: \(error)"
        case .denied:
            "these credentials may not delete containers (outputfs rm -r deletes the files of one): \(error)"
        default: "\(error)"
        }
    }
}
