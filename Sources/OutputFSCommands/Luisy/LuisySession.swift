internal import Glibc
internal import OutputConventions
internal import OutputTransfer

/// What the commands about luisy have in common.
struct LuisySession {
    let container: LuisyContainer
    private let store: StoreSession

    /// - Parameter container: instead of the one that settings name.
    init(_ storage: StorageOptions, container named: String? = nil, jobs: Int) throws(CommandFailure) {
        store = try StoreSession(storage)
        guard let name = named ?? store.source.luisyContainer ?? store.source.container else {
            throw CommandFailure(
                .usage,
                "which container luisy uses is not said",
                try: "--luisy-container NAME, or LUISY_AZURE_CONTAINER_NAME, as luisy itself has it"
            )
        }
        container = LuisyContainer(tree: store.tree, container: name, jobs: jobs)
    }

    func project(_ name: String, _ directory: WorkingDirectory) throws(CommandFailure) -> LuisyProject {
        do throws(LuisyError) { return try LuisyProject(name, in: container, directory) } catch {
            throw CommandFailure(.usage, "\(error)")
        }
    }

    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws(CommandFailure) -> Value {
        try store.run {
            do { return try await work() } catch let error as LuisyError { throw CommandFailure(error) }
        }
    }

    /// Moves outputs, shows how far it has come, and ends the program with what came of it.
    ///
    /// - Parameters:
    ///   - verb: "fetched" or "sent".
    ///   - work: is given what to report to; answers the counters, and the work, which answers the keys that nothing is known of.
    func transfer(
        _ verb: String,
        isDryRun: Bool,
        isJSON: Bool,
        _ work: (
            _ report: @escaping @Sendable (TransferEvent) -> Void
        ) -> (
            counters: @Sendable () -> TransferCounters, run: @Sendable () async throws -> [LuisyKey]
        )
    ) throws {
        let line = ProgressLine(isTerminal: !isJSON && isatty(STDERR_FILENO) == 1)
        let log = TransferLog(line: line, isJSON: isJSON, isDryRun: isDryRun)
        let (counters, run) = work { log.note($0) }
        let progress = TransferProgress(line: line)
        progress.show(counters)
        defer { progress.end() }
        let unmatched = try self.run(run)
        progress.end()
        let summary = log.summary(counters(), seconds: progress.seconds, unmatched: unmatched.map(\.text))
        for key in summary.unmatched where !isJSON { Terminal.error("outputfs: nothing is known of \(key)") }
        Terminal.print(isJSON ? try JSONText.of(summary) : summary.text(verb))
        System.exit(summary.exitStatus)
    }
}

extension CommandFailure {
    init(_ error: LuisyError) {
        self.init(error.isMissing ? .notFound : .failure, error.description, remedies: error.remedies)
    }
}
