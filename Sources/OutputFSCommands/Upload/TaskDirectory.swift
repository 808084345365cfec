internal import Glibc

/// The directories of a task as Batch lays them out: `stdout.txt`, `stderr.txt` and `wd`, where the command works.
struct TaskDirectory: Sendable {
    let path: String

    var workingDirectory: String { Path.join(path, "wd") }

    /// Makes what is missing.
    static func make(_ path: String) throws(CommandFailure) -> TaskDirectory {
        for directory in [path, Path.join(path, "wd")] where mkdir(directory, 0o755) != 0 && errno != EEXIST {
            throw CommandFailure(.cannotCreate, "--task-dir \(directory) cannot be made: \(Errno())")
        }
        guard let canonical = System.canonicalPath(path) else {
            throw CommandFailure(.cannotCreate, "--task-dir \(path) cannot be looked at: \(Errno())")
        }
        return TaskDirectory(path: canonical)
    }

    /// The files that the command's output goes to, emptied.
    func openStreams() throws(CommandFailure) -> ChildProcess.Streams {
        ChildProcess.Streams(output: try file("stdout.txt"), error: try file("stderr.txt"))
    }

    /// What Batch tells a task of them.
    var environment: [String: String] {
        ["AZ_BATCH_TASK_DIR": path, "AZ_BATCH_TASK_WORKING_DIR": workingDirectory]
    }

    private func file(_ name: String) throws(CommandFailure) -> Int32 {
        let path = Path.join(path, name)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw CommandFailure(.cannotCreate, "\(path) cannot be written: \(Errno())") }
        return descriptor
    }
}
