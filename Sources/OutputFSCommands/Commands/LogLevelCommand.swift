internal import ArgumentParser
internal import Glibc
internal import Logging

struct LogLevelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-level",
        abstract: "Change how much a running mount logs.",
        discussion: """
            Until the mount ends, or is told another. Without a level it says the one that is.

            EXAMPLES
              outputfs log-level /mnt/outputs debug
              outputfs log-level /mnt/outputs notice
            """
    )

    @Argument(help: "The mount point.", completion: .mountPoints)
    var mountPoint: String

    @Argument(
        help: "error, warning, notice, info, debug or trace.",
        completion: .list(Logger.Level.allCases.map(\.rawValue)),
        transform: LoggingOptions.level
    )
    var level: Logger.Level?

    func run() throws {
        let socket = RuntimeDirectory.socket(of: System.canonicalPath(mountPoint) ?? mountPoint)
        let answer: ControlAnswer
        do throws(Errno) {
            let request = ControlRequest(command: level == nil ? .status : .logLevel, logLevel: level?.rawValue)
            answer = try ControlClient.ask(socket, request, timeout: ControlClient.statusTimeout)
        } catch {
            guard error.code == ECONNREFUSED || error.code == ENOENT else {
                throw CommandFailure(.busy, "the process behind \(mountPoint) does not answer: \(error)")
            }
            throw CommandFailure(.notFound, "\(mountPoint) is not a mount of outputfs", try: "outputfs status")
        }
        guard let now = answer.logLevel ?? answer.status?.logLevel else {
            throw CommandFailure(
                .system,
                "the process behind \(mountPoint) cannot change it: \(answer.refusal ?? "it is of another version")",
                try: "outputfs unmount \(mountPoint), then mount again"
            )
        }
        Terminal.print(now)
    }
}
