internal import AzureBlob
internal import BlobStorage
internal import FuseBinding
internal import Logging
internal import OutputConventions
internal import OutputTransfer
internal import Synchronization

/// What commands have in common that go to the store without a mount.
struct StoreSession {
    let source: StorageSource
    let tree: StoreTree

    init(_ storage: StorageOptions) throws(CommandFailure) {
        System.keepOutOfCoreDumps()
        source = try storage.source(named: nil)
        tree = try Composition.storeTree(source, Logger(label: "outputfs") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Runs the work of a command. Ctrl-C and SIGTERM cancel it; a second one ends the program on the spot.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws(CommandFailure) -> Value {
        let task = Task { await Result(catching: work) }
        TerminationSignals.watch { _, count in
            if count > 1 { System.exit(.interrupted) }
            task.cancel()
        }
        switch PlainThread.wait(for: { await task.value }) {
        case .success(let value): return value
        case .failure(let error): throw failure(error, isInterrupted: task.isCancelled)
        }
    }

    private func failure(_ error: any Error, isInterrupted: Bool) -> CommandFailure {
        if isInterrupted { return CommandFailure(.interrupted, "interrupted") }
        switch error {
        case let error as CommandFailure: return error
        case let error as TreeError:
            guard error.reason == .notFound else { return CommandFailure(.usage, "\(error)") }
            return CommandFailure(.notFound, "\(error)", try: "outputfs ls, which shows what is there")
        case let error as LocalFileError:
            return CommandFailure(error.isMissing ? .notFound : .cannotCreate, "\(error)")
        case let error as StorageError where error.kind == .invalid && error.status == nil:
            return CommandFailure(.usage, "\(error)")
        case let error as StorageError:
            return StorageCheck.failure(
                error,
                source: source.description,
                endpoint: source.account.endpoint.description,
                source.signIn.kind
            ) ?? CommandFailure(.denied, "\(error)", try: "credentials that permit this")
        default: return CommandFailure(.failure, "\(error)")
        }
    }
}

extension Result where Failure == any Error, Success: Sendable {
    fileprivate init(catching work: @Sendable () async throws -> Success) async {
        do { self = .success(try await work()) } catch { self = .failure(error) }
    }
}

extension TreePattern {
    /// A path as it was given on the command line.
    static func argument(_ text: String) throws(CommandFailure) -> TreePattern {
        do throws(BadPattern) { return try TreePattern(text) } catch {
            throw CommandFailure(
                .usage,
                "'\(text)' is no path of the tree: \(error.reason)",
                try: "a path as in a mount: jobs/film/tasks/1"
            )
        }
    }
}
