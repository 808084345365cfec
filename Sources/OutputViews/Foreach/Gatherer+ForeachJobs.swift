package import BlobStorage
import OutputConventions

/// `/foreach`
extension Gatherer {
    /// The containers that hold a foreach job. One request a page of containers, and one for each container about which
    /// nothing is remembered; two more for jobs of releases before 0.6.2 and those that are being submitted.
    func foreachJobEntries() async throws(StorageError) -> [GatheredEntry] {
        if let only = source.onlyContainer {
            return try await isForeachJob(only) ? [Self.foreachEntry(only)] : []
        }
        let all = try await containers()
        foreachJobs.keep(Set(all.map(\.name)))
        let answers = try await concurrently(all, atOnce: Self.containersMax) { container throws(StorageError) in
            try await isForeachJob(container)
        }
        return zip(all, answers).filter(\.1).map { Self.foreachEntry($0.0.name) }
    }

    /// Containers that are looked into at a time: half of the connections that there are as a rule. 50,000 of 20 ms take half a
    /// minute.
    private static let containersMax = 32

    private static func foreachEntry(_ container: String) -> GatheredEntry {
        GatheredEntry(container, directory: ForeachDirectory.job.place(in: container))
    }

    private func containers() async throws(StorageError) -> [ContainerProperties] {
        var found: [ContainerProperties] = []
        var marker: ListMarker?
        repeat {
            let page = try await store.listContainers(ContainerQuery(), after: marker)
            // `$logs` and its like are nobody's job.
            found += page.containers.filter { ContainerName.isValid($0.name) }
            marker = page.next
        } while marker != nil
        return found
    }

    private func isForeachJob(_ container: ContainerProperties) async throws(StorageError) -> Bool {
        let now = now()
        if let known = foreachJobs.isJob(container.name, container.version, now: now) { return known }
        do throws(StorageError) {
            let isJob = try await looksLikeForeachJob(container.name)
            foreachJobs.note(container.name, container.version, isJob: isJob, at: now)
            return isJob
        } catch {
            // Deleted since it was listed, or nobody's business here: that one is not shown, the others are.
            switch error.kind {
            case .notFound, .containerBeingDeleted, .denied, .invalid: return false
            default: throw error
            }
        }
    }

    /// Whether the container holds a foreach job now, by the store's answer and nobody's memory; false if it is not there.
    package func isForeachJob(_ container: String) async throws(StorageError) -> Bool {
        guard ContainerName.isValid(container), source.onlyContainer.map({ $0 == container }) ?? true else {
            return false
        }
        do throws(StorageError) {
            let isJob = try await looksLikeForeachJob(container)
            foreachJobs.noteLook(container, isJob: isJob)
            return isJob
        } catch {
            switch error.kind {
            case .notFound, .containerBeingDeleted, .invalid:
                foreachJobs.noteLook(container, isJob: false)
                return false
            default: throw error
            }
        }
    }

    /// One small listing tells: `<c>-metadata.rds` and the arguments of old releases' tasks come before `<c>.rds`, and as a
    /// rule no other blob's name begins with the container's.
    private func looksLikeForeachJob(_ container: String) async throws(StorageError) -> Bool {
        let environment = container + ".rds"
        var recognition = ForeachRecognition(container: container)
        var isLikely = false
        var marker: ListMarker?
        do throws(StorageError) {
            var isEmpty = true
            repeat {
                let query = BlobQuery(container: container, prefix: container, pageSize: Self.signsMax)
                let page = try await store.listBlobs(query, after: marker)
                for item in page.items {
                    recognition.note(item.name)
                    if item.name.utf8.elementsEqual(environment.utf8) { isLikely = true }
                }
                isEmpty = page.items.isEmpty
                marker = page.next
            } while marker != nil && isEmpty
        } catch {
            // A token that does not list may read.
            guard error.kind == .denied else { throw error }
            return try await hasForeachSigns(container, [container + "-metadata.rds", environment] + Self.scripts)
        }
        if recognition.isJob { return true }
        if isLikely { return try await hasForeachSigns(container, [environment] + Self.scripts) }
        // Cut off: other names came first.
        guard marker != nil else { return false }
        return try await hasForeachSigns(container, [container + "-metadata.rds", environment] + Self.scripts)
    }

    private static let scripts = ["worker.R", "merger.R"]
    /// More than a job has of its own, few enough for a small answer.
    private static let signsMax = 10

    private func hasForeachSigns(_ container: String, _ blobs: [String]) async throws(StorageError) -> Bool {
        let areThere = try await concurrently(blobs, atOnce: blobs.count) { name throws(StorageError) in
            try await isThere(BlobAddress(container: container, name: name))
        }
        return ForeachRecognition.isJob(container, blobs: zip(blobs, areThere).filter(\.1).map(\.0))
    }
}
