internal import AzureBlob
internal import BlobStorage
internal import Logging
internal import OutputConventions
internal import OutputTransfer

/// The store, and Batch where a credential for it is given.
struct JobSession: Sendable {
    let store: StoreSession
    /// `nil`: nobody is asked.
    let batch: BatchService?

    init(_ options: JobOptions) throws(CommandFailure) {
        let store = try StoreSession(options.storage)
        self.store = store
        let account = try options.batch.account(
            identity: options.storage.resolver().signInResolver,
            network: store.source.network.settings,
            logger: Logger(label: "outputfs") { _ in SwiftLogNoOpLogHandler() }
        )
        do throws(AccountError) {
            batch = try account.map { account throws(AccountError) in
                try BatchService(account, network: store.source.network.settings)
            }
        } catch { throw CommandFailure(.configuration, "\(error)", try: "the key as the portal shows it") }
    }

    /// Without true ids: for who names a job.
    var catalog: JobCatalog { JobCatalog(tree: store.tree) }

    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws(CommandFailure) -> Value {
        try store.run {
            do { return try await work() } catch let error as StorageError where error.operation == "ask Batch" {
                throw CommandFailure(
                    error.kind == .unavailable || error.kind == .throttled ? .unavailable : .denied,
                    "\(error)",
                    try: "without a credential for Batch, which leaves out true ids and states"
                )
            }
        }
    }

    /// The one job that a name means.
    func job(_ name: JobName) async throws -> Job {
        let found = try await catalog.find(name)
        guard let job = found.first else {
            throw CommandFailure(.notFound, "there is no job \(name.text)", try: "outputfs jobs list")
        }
        guard found.count == 1 else { throw Self.ambiguous(name, found) }
        return job
    }

    static func ambiguous(_ name: JobName, _ found: [Job]) -> CommandFailure {
        let paths = found.map(\.path).joined(separator: " and ")
        return CommandFailure(.usage, "\(name.text) is the id of several jobs: \(paths)", try: "one of these paths")
    }

    /// What Batch says of a job; `nil` where it is not asked, or does not know it.
    func state(of job: Job) async throws -> BatchJob? {
        guard job.convention == .batch, let batch else { return nil }
        return try await batch.job(job.id)
    }
}

extension JobName {
    /// As it was given, or nearly.
    var text: String { convention.map { "\($0.folder)/\(id)" } ?? id }

    static func argument(_ text: String) throws(CommandFailure) -> JobName {
        guard let name = JobName(text) else {
            throw CommandFailure(
                .usage,
                "'\(text)' is no job",
                try: "its id, or its folder: jobs/ID, runs/ID, foreach/ID"
            )
        }
        return name
    }
}
