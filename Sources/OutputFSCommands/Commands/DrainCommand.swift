internal import ArgumentParser
internal import FuseBinding
internal import Glibc
internal import OutputTree
internal import Synchronization

struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Wait until everything that was written is in the store.",
        discussion: """
            Sends what waits, small files first, and says what could not be sent; the mount goes on serving. For the \
            end of a task, before a machine is given back, and after every step with --durability journal.

            Exits with 0 only when the store holds everything that this mount has; else with 74, naming the files.

            EXAMPLES
              outputfs drain /mnt/outputs
              outputfs drain /mnt/outputs --timeout 1h
              outputfs drain                            as the last line of a Batch task
            """
    )

    @Argument(help: "The mount point; on a Batch node as for mount.", completion: .mountPoints)
    var mountPoint: String?

    @Option(
        help: .init("How long to wait for uploads (the mount's --drain-timeout).", valueName: "time"),
        transform: Values.duration
    )
    var timeout: Duration?

    func validate() throws {
        guard mountPoint != nil || BatchNode.current != nil else { throw ValidationError("Name the mount point.") }
    }

    func run() throws {
        let mountPoint = BatchNode.mountPoint(named: mountPoint) ?? ""
        let socket = RuntimeDirectory.anySocket(of: System.canonicalPath(mountPoint) ?? mountPoint)
        func ask(
            _ socket: String,
            _ request: ControlRequest,
            timeout: Int
        ) throws(CommandFailure) -> ControlAnswer { try self.ask(mountPoint, socket, request, timeout: timeout) }
        let status = try ask(socket, ControlRequest(command: .status), timeout: ControlClient.statusTimeout).status
        let given = timeout.map { Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18 }
        let seconds = given ?? status?.drainTimeout ?? 60

        let progress = DrainProgress(socket: socket)
        progress.start()
        defer { progress.end() }
        let request = ControlRequest(command: .drain, timeout: seconds)
        guard let drain = try ask(socket, request, timeout: Int(seconds.rounded(.up)) + 30).drain else {
            throw CommandFailure(.busy, "the process behind \(mountPoint) gave no answer", try: "outputfs status")
        }
        let left = drain.pending + drain.kept
        guard !left.isEmpty else { return }
        let lines = left.map { "  \($0.path): \($0.reason)" }
        var failure = CommandFailure(
            .notUploaded,
            (["\(left.count) file\(left.count == 1 ? " is" : "s are") not in the store:"] + lines).joined(
                separator: "\n"
            )
        )
        if !drain.pending.isEmpty { failure.remedies.append("outputfs drain \(mountPoint) --timeout 10m") }
        if !drain.kept.isEmpty { failure.remedies.append("outputfs recover --list") }
        throw failure
    }

    private func ask(
        _ mountPoint: String,
        _ socket: String,
        _ request: ControlRequest,
        timeout: Int
    ) throws(CommandFailure) -> ControlAnswer {
        do throws(Errno) { return try ControlClient.ask(socket, request, timeout: timeout) } catch {
            if error.code == EACCES {
                throw CommandFailure(
                    .denied,
                    "\(mountPoint) is a mount of another user",
                    try: "ask as that user, or as root"
                )
            }
            guard error.code == ECONNREFUSED || error.code == ENOENT else {
                throw CommandFailure(.busy, "the process behind \(mountPoint) does not answer: \(error)")
            }
            throw CommandFailure(.notFound, "\(mountPoint) is not a mount of outputfs", try: "outputfs status")
        }
    }
}

/// Asks twice a second how much is left, on a thread of its own.
private final class DrainProgress: Sendable {
    private let isEnded = Atomic(false)
    private let line = ProgressLine()
    private let socket: String

    init(socket: String) { self.socket = socket }

    func start() {
        guard isatty(STDERR_FILENO) == 1 else { return }
        PlainThread.start(named: "progress") { [self] in
            while !isEnded.load(ordering: .acquiring) {
                let request = ControlRequest(command: .status)
                if let answer = try? ControlClient.ask(socket, request, timeout: ControlClient.statusTimeout),
                    let files = answer.status?.tree.pendingFiles, !isEnded.load(ordering: .acquiring)
                {
                    let bytes = files.reduce(0) { $0 + $1.size }
                    line.show("\(files.count) files with \(HumanUnits.bytes(bytes)) left")
                }
                usleep(500_000)
            }
        }
    }

    func end() {
        isEnded.store(true, ordering: .releasing)
        line.clear()
    }
}
