package import BlobStorage
internal import OutputConventions

/// A job of doAzureParallel, as a listing of its container shows it.
package struct ForeachJob: Sendable {
    /// A blob, and what the listing told of it.
    package struct File: Sendable {
        package let address: BlobAddress
        package let properties: BlobProperties
    }

    package let container: String
    /// By the numbers of their tasks.
    package private(set) var results: [Int: File] = [:]
    /// Arguments of tasks; of a job with data sets each has some.
    package private(set) var arguments: Set<Int> = []
    /// Tasks that ended: they left a log, whatever became of them.
    package private(set) var ended: Set<Int> = []
    package private(set) var mergedResult: File?
    /// The task that merges has ended.
    package private(set) var hasMergeLog = false
    package private(set) var metadata: File?
    package private(set) var environment: File?
    package var isJob: Bool { recognition.isJob }
    private var recognition: ForeachRecognition
    private var hasOldTasks = false
    private var hasNewTasks = false
    private var hasOldStreams = false

    package init(container: String) {
        self.container = container
        recognition = ForeachRecognition(container: container)
    }

    package mutating func note(_ name: String, _ properties: BlobProperties) {
        recognition.note(name)
        let file = File(address: BlobAddress(container: container, name: name), properties: properties)
        if name.utf8.elementsEqual((container + ".rds").utf8) { environment = file }
        if name.utf8.elementsEqual((container + "-metadata.rds").utf8) { metadata = file }
        guard let task = ForeachTask(blob: name, in: container) else { return }
        if task.isOfOldRelease { hasOldTasks = true } else { hasNewTasks = true }
        switch (task.identity, task.file) {
        case (.chunk(let number), .result): results[number] = file
        case (.chunk(let number), .arguments): arguments.insert(number)
        case (.chunk(let number), .log): ended.insert(number)
        case (.merge, .result): mergedResult = file
        case (.merge, .log): hasMergeLog = true
        case (_, .stdout), (_, .stderr): if task.isOfOldRelease { hasOldStreams = true }
        case (.merge, .arguments): break
        }
    }

    /// The releases of doAzureParallel that lay a job out like this.
    package var releases: String {
        if hasOldTasks && !hasNewTasks {
            if metadata != nil { return "0.6.2" }
            return environment != nil || hasOldStreams ? "0.3.0 to 0.6.1" : "0.2"
        }
        if hasNewTasks { return "0.6.3 or later" }
        return metadata != nil ? "0.6.2 or later" : "0.3.0 or later"
    }
}

/// Why a container cannot be taken for a job.
package enum ForeachProblem: Error, Sendable, Hashable, CustomStringConvertible {
    case noSuchContainer(String)
    case noJob(String)
    /// There is none of what a command works on.
    case noResults(String)

    package var description: String {
        switch self {
        case .noSuchContainer(let name): "there is no container \(name)"
        case .noJob(let name):
            "\(name) is no foreach job: it has neither \(name)-metadata.rds nor \(name).rds with worker.R and merger.R"
        case .noResults(let name): "\(name) has no results yet"
        }
    }
}

extension StoreTree {
    /// The job in a container; throws `ForeachProblem` where there is none.
    package func foreachJob(_ container: String) async throws -> ForeachJob {
        if let onlyContainer, !onlyContainer.utf8.elementsEqual(container.utf8) {
            throw ForeachProblem.noSuchContainer(container)
        }
        var job = ForeachJob(container: container)
        try await eachBlob(of: container) { job.note($0, $1) }
        guard job.isJob else { throw ForeachProblem.noJob(container) }
        return job
    }

    /// All blobs of a container, 5,000 a request.
    func eachBlob(of container: String, _ body: (String, BlobProperties) throws -> Void) async throws {
        var marker: ListMarker?
        repeat {
            try Task.checkCancellation()
            let page: BlobPage
            do throws(StorageError) {
                page = try await store.listBlobs(BlobQuery(container: container), after: marker)
            } catch {
                throw error.kind == .notFound || error.kind == .containerBeingDeleted
                    ? ForeachProblem.noSuchContainer(container) : error
            }
            for item in page.items {
                guard case .blob(let name, let properties) = item, !properties.marksDirectory(name) else { continue }
                try body(name, properties)
            }
            marker = page.next
        } while marker != nil
    }
}
