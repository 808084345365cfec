import FileSystemSuite
import Foundation
import Glibc
import Synchronization

/// Ends a mount that hangs, and one whose process died.
///
/// Writing to `abort` under /sys/fs/fuse/connections makes every request of the connection fail, also those that a
/// process waits for in a state that no signal ends.
final class Watchdog: Sendable {
    private enum State { case watching, stopped, aborted }

    private let mountPoint: String
    private let abortFile: String
    private let state = Mutex(State.watching)
    private let guardian: ChildProcess

    init(_ mountPoint: String, minutes: Int) throws {
        self.mountPoint = mountPoint
        abortFile = "/sys/fs/fuse/connections/\(try Self.connection(of: mountPoint))/abort"
        guardian = try Self.guardian(mountPoint, abortFile)
        let deadline = ContinuousClock.now + .seconds(60 * minutes)
        _ = Worker<Void> { [weak self] in
            while ContinuousClock.now < deadline {
                guard let self, self.state.withLock({ $0 == .watching }) else { return }
                usleep(200_000)
            }
            self?.abort()
        }
    }

    /// The minor device number names the connection. Out of mountinfo: stat(2) would ask the mount itself.
    private static func connection(of mountPoint: String) throws -> String {
        let table = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        let real = realpath(mountPoint, nil).map { pointer in
            defer { free(pointer) }
            return String(cString: pointer)
        }
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 4, fields[4] == real ?? mountPoint, let minor = fields[2].split(separator: ":").last
            else { continue }
            return String(minor)
        }
        throw CocoaError(.fileNoSuchFile)
    }

    /// A shell that outlives this process if need be: it ends when the mount is gone.
    private static func guardian(_ mountPoint: String, _ abortFile: String) throws -> ChildProcess {
        let script = """
            while [ -e "$2" ]; do
                case "$(cat /proc/$1/stat 2>/dev/null)" in
                "" | *") Z "*) echo 1 > "$2"; umount -l "$3"; exit;;
                esac
                sleep 1
            done
            """
        return try ChildProcess(["/bin/sh", "-c", script, "guardian", "\(getpid())", abortFile, mountPoint])
    }

    func abort() {
        let isFirst = state.withLock { state in
            defer { if state == .watching { state = .aborted } }
            return state == .watching
        }
        guard isFirst else { return }
        if let file = fopen(abortFile, "w") {
            fputs("1", file)
            fclose(file)
        }
        // MNT_DETACH
        umount2(mountPoint, 2)
    }

    /// Says whether the mount had to be aborted.
    func stop() -> Bool {
        let wasAborted = state.withLock { state in
            if state == .watching { state = .stopped }
            return state == .aborted
        }
        guardian.send(SIGKILL)
        guardian.wait()
        return wasAborted
    }
}
