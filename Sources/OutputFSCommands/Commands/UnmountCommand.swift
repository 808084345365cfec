internal import ArgumentParser
internal import FuseBinding
internal import Glibc

struct UnmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount",
        abstract: "Send what waits, then unmount.",
        discussion: """
            Unlike umount(8) this waits until everything that was closed or fsynced is in the store, and says what \
            is not. A mount that is in use, or has unsent files after the timeout, stays mounted: nothing is lost.

            EXAMPLES
              outputfs unmount /mnt/outputs
              outputfs unmount /mnt/outputs --timeout 10m    # a slow line
              outputfs unmount /mnt/outputs --lazy           # although somebody uses it, or a file cannot be sent
            """,
        aliases: ["umount"]
    )

    @Argument(help: "The mount point.", completion: .mountPoints)
    var mountPoint: String

    @Flag(help: "Unmount even while it is in use, and although files could not be sent.")
    var lazy = false

    @Option(
        help: .init("How long to wait for uploads (the mount's --drain-timeout).", valueName: "time"),
        transform: Values.duration
    )
    var timeout: Duration?

    func run() throws {
        let mountPoint = BatchNode.mountPoint(named: mountPoint) ?? mountPoint
        let path = System.canonicalPath(mountPoint) ?? mountPoint
        guard let mounted = MountTable.current().topmost(at: path) else {
            throw CommandFailure(.notFound, "nothing is mounted on \(mountPoint)", try: "outputfs status")
        }
        guard mounted.isOutputFS else {
            throw CommandFailure(
                .usage,
                "\(mountPoint) is a mount of another kind (\(mounted.type))",
                try: "umount \(mountPoint)"
            )
        }
        switch askDaemon(path) {
        case .success(let answer): try show(answer)
        case .failure(let error): try takeAway(path, error)
        }
    }

    /// Between two processes of the mount nobody answers; then once more.
    private func askDaemon(_ path: String) -> Result<ControlAnswer, Errno> {
        var answer = askOnce(path)
        for _ in 0..<100 {
            guard case .failure(let error) = answer, error.code == ECONNREFUSED || error.code == ENOENT,
                KeeperLock.isHeld(path)
            else { break }
            usleep(100_000)
            answer = askOnce(path)
        }
        return answer
    }

    private func askOnce(_ path: String) -> Result<ControlAnswer, Errno> {
        let socket = RuntimeDirectory.socket(of: path)
        let seconds = timeout.map { Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18 }
        do throws(Errno) {
            var patience = seconds
            if patience == nil {
                let answer = try ControlClient.ask(
                    socket,
                    ControlRequest(command: .status),
                    timeout: ControlClient.statusTimeout
                )
                patience = answer.status?.drainTimeout
            }
            // Beyond the drain itself the daemon has only the kernel to wait for.
            let answer = try ControlClient.ask(
                socket,
                ControlRequest(command: .unmount, isLazy: lazy, timeout: seconds),
                timeout: Int((patience ?? 60).rounded(.up)) + 30
            )
            return .success(answer)
        } catch { return .failure(error) }
    }

    private func show(_ answer: ControlAnswer) throws(CommandFailure) {
        guard let report = answer.unmount else {
            throw CommandFailure(.system, answer.refusal ?? "the mount's process gave an empty answer")
        }
        let files = report.pending.map { "  \($0.path): \($0.reason)" }.joined(separator: "\n")
        let count = "\(report.pending.count) file\(report.pending.count == 1 ? "" : "s")"
        switch report.outcome {
        case .unmounted where report.pending.isEmpty: return
        case .unmounted:
            throw CommandFailure(.notUploaded, "\(mountPoint) is unmounted, without having sent \(count):\n\(files)")
        case .pending:
            throw CommandFailure(
                .notUploaded,
                "\(mountPoint) stays mounted: \(count) could not be sent in time:\n\(files)",
                try: "outputfs unmount \(mountPoint) --timeout 10m",
                "outputfs unmount \(mountPoint) --lazy, to give up on them"
            )
        case .busy:
            let holders = report.holders.map { "  \($0.description)" }
            throw CommandFailure(
                .busy,
                (["\(mountPoint) is in use\(holders.isEmpty ? "" : " by:")"] + holders).joined(separator: "\n"),
                try: "end these processes, or leave the directory (cd /)",
                "outputfs unmount \(mountPoint) --lazy"
            )
        case .failed:
            throw CommandFailure(.busy, "\(mountPoint) stays mounted: \(report.message ?? "the kernel refused")")
        }
    }

    /// The daemon is gone or does not answer: its mount is taken away from outside.
    private func takeAway(_ path: String, _ error: Errno) throws(CommandFailure) {
        let isGone = error.code == ECONNREFUSED || error.code == ENOENT
        guard isGone || lazy else {
            throw CommandFailure(
                .busy,
                "the process behind \(mountPoint) does not answer: \(error)",
                try: "outputfs unmount \(mountPoint) --lazy"
            )
        }
        do throws(SessionError) { try Unmounting.unmount(path, lazily: lazy) } catch {
            let holders = MountHolders.find(below: path).map { "  \($0.description)" }
            throw CommandFailure(
                .busy,
                (["\(mountPoint) cannot be unmounted: \(error.reason)"] + holders).joined(separator: "\n"),
                try: "outputfs unmount \(mountPoint) --lazy"
            )
        }
        Terminal.error("outputfs: no process of yours answered for \(mountPoint); the mount was taken away")
        unlink(RuntimeDirectory.socket(of: path))
    }
}
