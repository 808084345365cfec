internal import ArgumentParser
internal import FuseBinding
internal import Glibc

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "What is mounted, cached, being uploaded, and what failed last.",
        discussion: """
            Without a mount point: one line for each mount of this user. With one: everything about it.

            EXAMPLES
              outputfs status
              outputfs status /mnt/outputs
              outputfs status --json | jq '.mounts[].tree'
            """
    )

    @Argument(help: "A mount point; without it all mounts of this user.", completion: .mountPoints)
    var mountPoint: String?

    @Flag(help: "For programs: one JSON object.")
    var json = false

    func run() throws {
        var report = StatusReport.collect()
        if let mountPoint = mountPoint.map({ BatchNode.mountPoint(named: $0) ?? $0 }) {
            let path = System.canonicalPath(mountPoint) ?? mountPoint
            report = report.filtered(to: path)
            guard !report.isEmpty else {
                throw CommandFailure(.notFound, "\(mountPoint) is not a mount of outputfs", try: "outputfs status")
            }
        }
        if json {
            Terminal.print(try JSONText.of(report))
        } else if mountPoint != nil {
            Terminal.print(report.details(now: WallTime.now().seconds))
        } else {
            Terminal.print(report.table(now: WallTime.now().seconds))
        }
    }
}

/// The mounts of this user, and those of ours that nobody answers for.
struct StatusReport: Codable, Sendable {
    /// A mount that the kernel shows and no process of this user answers for.
    struct Silent: Codable, Sendable, Equatable {
        var mountPoint: String
        var reason: String
    }

    var mounts: [MountStatus]
    var silent: [Silent]

    var isEmpty: Bool { mounts.isEmpty && silent.isEmpty }

    static func collect() -> StatusReport {
        let table = MountTable.current()
        var report = StatusReport(mounts: [], silent: [])
        var failures: [String: Errno] = [:]
        for socket in RuntimeDirectory.sockets() {
            do throws(Errno) {
                let request = ControlRequest(command: .status)
                let answer = try ControlClient.ask(socket, request, timeout: ControlClient.statusTimeout)
                if let status = answer.status { report.mounts.append(status) }
            } catch { failures[socket] = error }
        }
        for mount in table.entries where mount.isOutputFS {
            guard !report.mounts.contains(where: { $0.mountPoint.utf8.elementsEqual(mount.mountPoint.utf8) }) else {
                continue
            }
            // Root's, on a Batch node, which answers everybody.
            let shared = RuntimeDirectory.anySocket(of: mount.mountPoint)
            let request = ControlRequest(command: .status)
            if shared != RuntimeDirectory.socket(of: mount.mountPoint),
                let answer = try? ControlClient.ask(shared, request, timeout: ControlClient.statusTimeout),
                let status = answer.status
            {
                report.mounts.append(status)
                continue
            }
            let reason =
                switch failures[RuntimeDirectory.socket(of: mount.mountPoint)]?.code {
                case EAGAIN: "its process does not answer"
                case _ where KeeperLock.isHeld(mount.mountPoint): "its process was killed, and is being started again"
                case nil: "no process of this user serves it"
                default: "its process is gone; outputfs unmount takes the mount away"
                }
            report.silent.append(Silent(mountPoint: mount.mountPoint, reason: reason))
        }
        // What is left of daemons that were killed; a new one might be about to listen, hence only refused ones.
        let mounted = Set(table.entries.filter(\.isOutputFS).map { RuntimeDirectory.socket(of: $0.mountPoint) })
        for (socket, error) in failures where error.code == ECONNREFUSED && !mounted.contains(socket) { unlink(socket) }
        report.mounts.sort { $0.mountPoint < $1.mountPoint }
        return report
    }

    func filtered(to path: String) -> StatusReport {
        StatusReport(
            mounts: mounts.filter { $0.mountPoint.utf8.elementsEqual(path.utf8) },
            silent: silent.filter { $0.mountPoint.utf8.elementsEqual(path.utf8) }
        )
    }
}
