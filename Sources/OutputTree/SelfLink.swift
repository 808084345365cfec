import Glibc

/// Where `/self` leads for a process: its own task's outputs, by the variables that Batch sets.
///
/// The environment is the one that the process was started with, as `/proc/<pid>/environ` shows it; as with
/// `/proc/self`, each reader gets its own answer.
enum SelfLink {
    /// `nil` where the environment cannot be read or names no job and task.
    static func target(ofProcess id: Int32) -> String? {
        guard let environment = read("/proc/\(id)/environ") else { return nil }
        return target(environment: environment)
    }

    /// `environment` as the kernel shows it: `NAME=value` entries, each followed by a NUL.
    static func target(environment: [UInt8]) -> String? {
        var job: String?
        var task: String?
        for entry in environment.split(separator: 0) {
            if let value = value(of: "AZ_BATCH_JOB_ID", in: entry) { job = value }
            if let value = value(of: "AZ_BATCH_TASK_ID", in: entry) { task = value }
        }
        guard let job, let task, isName(job), isName(task) else { return nil }
        return "jobs/\(job)/tasks/\(task)"
    }

    /// One path component: a value such as `../..` leads nowhere.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text != "." && text != ".." && !text.utf8.contains(UInt8(ascii: "/"))
    }

    private static func value(of name: String, in entry: ArraySlice<UInt8>) -> String? {
        let prefix = Array((name + "=").utf8)
        guard entry.starts(with: prefix) else { return nil }
        return String(validating: entry.dropFirst(prefix.count), as: UTF8.self)
    }

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        // An environment is bounded by ARG_MAX, a few MiB; what is longer is not one.
        while bytes.count < 8 << 20 {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
        return nil
    }
}
