internal import ArgumentParser
internal import CLinux
internal import FuseBinding
internal import Glibc
internal import HandOver

/// What a worker gets from its keeper: on its command line, hidden, and by inherited descriptors.
struct Inheritance: Sendable {
    let link: KeeperLink
    let survivors: Survivors
    /// Of the mount that an earlier worker made; `nil`: this one makes it.
    let device: Int32?
    /// Workers of this mount before this one.
    let restarts: Int
    /// What became of the last one.
    let lastEnd: String?
    /// Where the mount is, if there is one.
    let mountPoint: String?
    let keeperProcessID: Int32

    /// From here on the worker ends with its keeper: nobody would follow it, and nobody would know of it.
    init(_ options: KeeperOptions) throws(CommandFailure) {
        guard let socket = options.keeperSocket, let memory = options.survivors else {
            throw CommandFailure(.usage, "a worker without its keeper")
        }
        for descriptor in [socket, memory, options.device ?? socket] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        clinux_die_with_parent(SIGKILL)
        var byte: UInt8 = 0
        guard recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) < 0 else {
            throw CommandFailure(.system, "the keeper of this mount is gone")
        }
        link = KeeperLink(socket: socket)
        guard let survivors = Survivors(descriptor: memory, keeper: link) else {
            throw CommandFailure(.system, "what the process before left cannot be read: \(Errno())")
        }
        self.survivors = survivors
        device = options.device
        restarts = options.restarts
        lastEnd = options.lastEnd
        mountPoint = options.mountedOn
        keeperProcessID = getppid()
    }
}

/// How a keeper speaks to its workers; nothing that people write.
struct KeeperOptions: ParsableArguments {
    @Option(help: .hidden) var keeperSocket: Int32?
    @Option(help: .hidden) var survivors: Int32?
    @Option(help: .hidden) var device: Int32?
    @Option(help: .hidden) var restarts = 0
    @Option(help: .hidden) var lastEnd: String?
    @Option(help: .hidden) var mountedOn: String?
    /// Of a mount whose command has returned: its log is a file.
    @Flag(help: .hidden) var background = false

    /// What the arguments of a worker begin with, behind the command.
    private static let mark = "--keeper-socket"

    static func areOfWorker(_ arguments: [String]) -> Bool { arguments.dropFirst().first == mark }

    /// What the keeper adds to the mount's own arguments.
    static func arguments(
        socket: Int32,
        survivors: Int32,
        device: Int32?,
        restarts: Int,
        lastEnd: String?,
        mountPoint: String?,
        isInBackground: Bool
    ) -> [String] {
        var arguments = [Self.mark, "\(socket)", "--survivors", "\(survivors)", "--restarts", "\(restarts)"]
        if let device { arguments += ["--device", "\(device)"] }
        if let lastEnd { arguments += ["--last-end", lastEnd] }
        if let mountPoint { arguments += ["--mounted-on", mountPoint] }
        if isInBackground { arguments.append("--background") }
        return arguments
    }
}
