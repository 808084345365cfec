internal import OutputConventions
internal import OutputTransfer

/// What the commands about foreach jobs have in common.
struct ForeachSession {
    let store: StoreSession
    let container: String

    /// - Parameter job: as it was given: the container, perhaps as a path of the tree.
    init(_ job: String, _ storage: StorageOptions) throws(CommandFailure) {
        var parts = job.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        if parts.count == 2, ["foreach", "containers"].contains(parts[0]) { parts.removeFirst() }
        guard parts.count == 1, ContainerName.isValid(parts[0]) else {
            throw CommandFailure(
                .usage,
                "'\(job)' cannot be a job's name",
                try: "the job's id, which is the name of its container: film-20180412093000"
            )
        }
        container = parts[0]
        store = try StoreSession(storage)
    }

    var tree: StoreTree { store.tree }

    func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws(CommandFailure) -> Value {
        try store.run {
            do { return try await work() } catch let problem as ForeachProblem { throw Self.failure(problem) }
        }
    }

    private static func failure(_ problem: ForeachProblem) -> CommandFailure {
        switch problem {
        case .noSuchContainer:
            CommandFailure(
                .notFound,
                "\(problem)",
                try: "outputfs ls containers",
                "a job that ran with wait = TRUE deletes its container at its end; see outputfs foreach watch"
            )
        case .noJob: CommandFailure(.notFound, "\(problem)", try: "outputfs ls containers, and what is in it")
        case .noResults(let name):
            CommandFailure(.notFound, "\(problem)", try: "outputfs foreach status \(name)")
        }
    }

    /// A local path from the root on.
    static func absolute(_ path: String) throws(CommandFailure) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let directory = System.canonicalPath(".") else {
            throw CommandFailure(.notFound, "the working directory is gone", try: "cd to one that is there")
        }
        return (directory == "/" ? "" : directory) + "/" + path
    }
}
