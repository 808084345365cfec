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
    private let interruption = Interruption()

    init(_ storage: StorageOptions) throws(CommandFailure) {
        System.keepOutOfCoreDumps()
        // Signing in may take as long as an identity service takes: a minute, if it is being updated.
        let interruption = interruption
        TerminationSignals.watch { _, _ in interruption.come() }
        source = try storage.source(named: nil)
        tree = try Composition.storeTree(source, Logger(label: "outputfs") { _ in RetryNotice() })
    }

    /// Runs the work of a command. Ctrl-C and SIGTERM cancel it; a second one ends the program on the spot.
    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws(CommandFailure) -> Value {
        let task = Task { await Result(catching: work) }
        interruption.cancels { task.cancel() }
        let result = PlainThread.wait { await task.value }
        interruption.cancelsNothing()
        switch result {
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
        case let error as LocalFileError where error.isTargetsEnd:
            return CommandFailure(
                .cannotCreate,
                "\(error)",
                try: "more room, or a destination that can be written, and the same command: what is complete stays"
            )
        case let error as LocalFileError:
            return CommandFailure(error.isMissing ? .notFound : .cannotCreate, "\(error)")
        case let error as StorageError where error.kind == .invalid && error.status == nil:
            return CommandFailure(.usage, "\(error)")
        case let error as StorageError where error.kind == .notFound && error.resource != "account":
            return CommandFailure(
                .notFound,
                "\(error.resource) is not there in \(source.part(of: error).description)",
                try: "outputfs ls, which shows what is there"
            )
        case let error as StorageError:
            let source = source.part(of: error)
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

/// What a signal ends: the work, so that it leaves nothing half done; the program, where there is none or it was told so.
private final class Interruption: Sendable {
    private let cancel = Mutex<(@Sendable () -> Void)?>(nil)

    func cancels(_ work: @escaping @Sendable () -> Void) { cancel.withLock { $0 = work } }

    func cancelsNothing() { cancel.withLock { $0 = nil } }

    func come() {
        guard let cancel = cancel.withLock({ $0.take() }) else { System.exit(.interrupted) }
        cancel()
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
        // Of a variable that is not set: it does not mean the whole account.
        guard !text.isEmpty else {
            throw CommandFailure(.usage, "'' is no path of the tree", try: "/ for all of it")
        }
        do throws(BadPattern) { return try TreePattern(text) } catch {
            throw CommandFailure(
                .usage,
                "'\(text)' is no path of the tree: \(error.reason)",
                try: "a path as in a mount: jobs/film/tasks/1"
            )
        }
    }
}

extension CommandFailure {
    /// Of paths to which nothing in the store belongs; `nil` without one.
    init?(unmatched: [TreePattern]) {
        guard !unmatched.isEmpty else { return nil }
        let plain = unmatched.compactMap(\.plainPath).map { "/" + $0.joined(separator: "/") }
        let others = unmatched.filter { $0.plainPath == nil }.map(\.text)
        var words: [String] = []
        if !plain.isEmpty {
            words.append("\(plain.joined(separator: ", ")) \(plain.count == 1 ? "is" : "are") not there")
        }
        if !others.isEmpty { words.append("nothing fits \(others.joined(separator: ", "))") }
        self.init(.notFound, words.joined(separator: "; "), try: "outputfs ls, which shows what is there")
    }
}
