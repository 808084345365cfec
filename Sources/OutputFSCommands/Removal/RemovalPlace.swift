internal import FuseBinding
internal import Glibc
internal import OutputTree

/// Who carries a mass delete out.
enum RemovalAgent: Sendable {
    /// This process, with credentials of its own.
    case own(MassRemoval)
    /// The process behind a mount, which forgets what it knew of the names.
    case mount(at: String)

    /// One step, however long that takes.
    func run(_ step: RemovalStep) throws(CommandFailure) -> RemovalAnswer {
        switch self {
        case .own(let removal):
            let result: Result<RemovalAnswer, RemovalRefusal> = PlainThread.wait {
                do throws(RemovalRefusal) { return .success(try await removal.run(step)) } catch {
                    return .failure(error)
                }
            }
            do throws(RemovalRefusal) { return try result.get() } catch { throw CommandFailure(error) }
        case .mount(let place):
            let answer: ControlAnswer
            do throws(Errno) {
                var request = ControlRequest(command: .remove)
                request.removal = step
                let socket = RuntimeDirectory.socket(of: place)
                answer = try ControlClient.ask(socket, request, timeout: Self.stepTimeout)
            } catch {
                throw CommandFailure(
                    .system,
                    "the process behind \(place) is not yours, or does not answer: \(error)",
                    try: "outputfs status",
                    "give the account, and paths of its tree: outputfs rm --account NAME /jobs/…"
                )
            }
            if let refusal = answer.removalRefusal { throw CommandFailure(refusal) }
            guard let removal = answer.removal else {
                throw CommandFailure(.system, "\(place): \(answer.refusal ?? "an answer that is none")")
            }
            return removal
        }
    }

    /// A page is listed and deleted in seconds; the store's retries may take minutes.
    private static let stepTimeout = 900
}

/// A path whose files are to go.
struct RemovalPlace: Sendable {
    /// As it was given.
    let name: String
    /// From the tree's root on.
    let path: String
    let agent: RemovalAgent

    /// A path below a mount. The last name is taken as it is: a symbolic link goes, and not what it leads to.
    init(mounted name: String) throws(CommandFailure) {
        guard !name.isEmpty else { throw CommandFailure(.usage, "'' is no path") }
        var bare = Substring(name)
        while bare.utf8.count > 1, bare.utf8.last == UInt8(ascii: "/") { bare = bare.dropLast() }
        let parts = Path.split(String(bare))
        let isPlain = parts.name != "." && parts.name != ".." && !parts.name.isEmpty
        guard let parent = System.canonicalPath(isPlain ? parts.parent : String(bare)) else {
            throw CommandFailure(
                .notFound,
                "\(name) cannot be found: \(Errno())",
                try: "ls \(parts.parent)",
                "without a mount: outputfs rm --account NAME /jobs/…"
            )
        }
        let canonical = isPlain ? Path.join(parent, parts.name) : parent
        guard let mount = MountTable.current().innermost(around: canonical), mount.isOutputFS else {
            throw CommandFailure(
                .usage,
                "\(name) is not below a mount of outputfs",
                try: "outputfs status, which lists the mounts",
                "without a mount: outputfs rm --account NAME /jobs/…"
            )
        }
        self.name = name
        path = String(Substring(canonical.utf8.dropFirst(mount.mountPoint.utf8.count).drop { $0 == UInt8(ascii: "/") }))
        agent = .mount(at: mount.mountPoint)
    }

    /// A path of the tree.
    init(_ name: String, _ agent: RemovalAgent) throws(CommandFailure) {
        guard !name.isEmpty else { throw CommandFailure(.usage, "'' is no path of the tree") }
        (self.name, self.agent) = (name, agent)
        path = String(Substring(name.utf8.drop { $0 == UInt8(ascii: "/") }))
    }

    /// A whole job or container, or what stands for it: it is counted before anything goes.
    var isWhole: Bool {
        let names = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        return names.count == 2 || names.count == 3 && names[0] == "jobs" && names[2] == "tasks"
    }
}

extension CommandFailure {
    init(_ refusal: RemovalRefusal) {
        let status: ExitStatus =
            switch refusal.kind {
            case .notFound: .notFound
            case .isDirectory, .forbidden: .usage
            case .storage: .failure
            }
        self.init(status, refusal.reason)
    }
}
