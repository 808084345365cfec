internal import FuseBinding
internal import Glibc
internal import Synchronization

/// The demo: an embedded server, a mount, a job, and a comparison of every byte.
final class Demo: Sendable {
    /// The python that has azure-storage-blob; without it that comparison is left out, and said.
    let python: String?
    private let directory: String
    private let isCleanedUp = Mutex(false)

    private var mountPoint: String { Path.join(directory, "outputs") }
    private var reference: String { Path.join(directory, "reference") }
    private var jobDirectory: String { Path.join(mountPoint, "jobs/\(DemoJob.name)") }

    init(python: String?) throws(CommandFailure) {
        self.python = python
        let temporary = System.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        // Six X, which mkdtemp(3) replaces.
        let name = "outputfs-demo." + String(repeating: "X", count: 6)
        var template = Array(Path.join(temporary, name).utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(
                .cannotCreate,
                "no temporary directory in \(temporary): \(Errno())",
                try: "export TMPDIR=…"
            )
        }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        for path in [mountPoint, reference] { mkdir(path, 0o755) }
    }

    func run(keepsRunning: Bool) throws(CommandFailure) {
        defer { cleanUp() }
        let settings = try EmulatorSettings(listen: "127.0.0.1:0")
        let emulator = try Composition.emulator(settings)
        defer { emulator.stop() }
        let connection = EmulatorSettings.wellKnown.connectionString(endpoint: emulator.endpoint)
        TerminationSignals.watch { number, _ in
            self.cleanUp()
            Glibc.exit(128 + number)
        }
        say("An Azure Blob server is embedded and listens on \(emulator.endpoint)")

        var environment = System.environment
        for name in environment.keys where name.hasPrefix("AZURE_STORAGE_") { environment[name] = nil }
        environment["AZURE_STORAGE_CONNECTION_STRING"] = connection
        try step(
            "mount",
            "/proc/self/exe",
            ["mount", mountPoint, "--journal-dir", Path.join(directory, "journal")],
            environment
        )
        say("Its account is mounted on \(mountPoint)")

        try runJob(environment)
        try show()
        try compareThroughMount()
        try compareWithSDK(environment)

        if keepsRunning {
            say("It keeps running. In another terminal:")
            suggest(connection)
            tell("  Ctrl-C ends it.")
            // The thread that watches signals ends the process.
            while true { pause() }
        }
        try step("unmount", "/proc/self/exe", ["unmount", mountPoint], environment)
        say("Unmounted. To try it yourself:")
        tell("  outputfs demo --keep     (or scripts/demo --keep)")
        tell("  outputfs mount --help")
    }

    // MARK: Steps

    private func runJob(_ environment: [String: String]) throws(CommandFailure) {
        say("Job '\(DemoJob.name)': \(DemoJob.frameCount) tasks render a frame each, side by side")
        var environment = environment
        environment["AZ_BATCH_JOB_ID"] = DemoJob.name
        for (place, isReference) in [(jobDirectory, false), (reference, true)] {
            var tasks: [(name: String, process: ChildProcess)] = []
            for (index, task) in DemoJob.frameTasks.enumerated() {
                environment["AZ_BATCH_TASK_ID"] = task
                let arguments = ["sh", "-c", DemoJob.renderScript, "render", place, "\(index + 1)"]
                tasks.append((task, try started("sh", arguments, environment)))
            }
            for task in tasks { try finished(task.name, task.process.wait()) }
            environment["AZ_BATCH_TASK_ID"] = DemoJob.joinTask
            let arguments = ["sh", "-c", DemoJob.joinScript, "join", place, "\(DemoJob.frameCount)"]
            try finished(DemoJob.joinTask, try started("sh", arguments, environment).wait())
            if !isReference { say("Task '\(DemoJob.joinTask)' joined the frames into the job's output") }
        }
    }

    private func show() throws(CommandFailure) {
        say("What ls and tail see:")
        try shell("cd \(quoted(mountPoint)) && find jobs -type f | LC_ALL=C sort | xargs ls -l")
        tell("")
        try shell("tail -n 3 \(quoted(jobDirectory))/tasks/frame-1/TaskLog/render.log")
        try shell(
            """
            AZ_BATCH_JOB_ID=\(DemoJob.name) AZ_BATCH_TASK_ID=\(DemoJob.joinTask) \
            sh -c 'tail -n 1 "$1/self/TaskLog/join.log"' sh \(quoted(mountPoint))
            """
        )
    }

    private func compareThroughMount() throws(CommandFailure) {
        var byteCount = 0
        for file in DemoJob.files {
            let expected = try content(of: Path.join(reference, file.path))
            guard try content(of: Path.join(jobDirectory, file.path)) == expected else {
                throw CommandFailure(.failure, "\(file.path) reads other bytes through the mount than were written")
            }
            byteCount += expected.count
        }
        say("Read back through the mount: \(DemoJob.files.count) files, \(byteCount) bytes, all as they were written")
    }

    private func compareWithSDK(_ environment: [String: String]) throws(CommandFailure) {
        guard let python else {
            say("Not compared with the Python SDK: no --python was given (scripts/demo does)")
            return
        }
        let target = Path.join(directory, "sdk")
        let result = ChildProcess.run(
            python,
            ["-c", DemoJob.sdkScript, DemoJob.container, target],
            environment: environment
        )
        guard case .success((0, let output)) = result else {
            let reason =
                switch result {
                case .success(let ended): ended.output
                case .failure(let error): error.description
                }
            throw CommandFailure(.failure, "the Python SDK could not read the job: \(reason)")
        }
        for file in DemoJob.files
        where try content(of: Path.join(target, file.blob)) != content(of: Path.join(reference, file.path)) {
            throw CommandFailure(.failure, "\(file.blob) has other bytes for the Python SDK than were written")
        }
        let version = output.split(separator: "\n").first.map(String.init) ?? "azure-storage-blob"
        say("Read back with \(version) from container \(DemoJob.container): the same \(DemoJob.files.count) files")
    }

    private func suggest(_ connection: String) {
        tell(
            """
              ls -l \(jobDirectory)/JobOutput
              tail -n 2 \(jobDirectory)/tasks/*/TaskLog/*
              echo hello > \(jobDirectory)/JobOutput/hello.txt
              outputfs status \(mountPoint)
              export AZURE_STORAGE_CONNECTION_STRING='\(connection)'   # for any other Azure client
            """
        )
    }

    /// Whatever happened: no mount, no files and no process are left.
    private func cleanUp() {
        let isFirst = isCleanedUp.withLock { isCleanedUp in
            defer { isCleanedUp = true }
            return !isCleanedUp
        }
        guard isFirst else { return }
        if MountTable.current().topmost(at: mountPoint) != nil {
            _ = ChildProcess.run("/proc/self/exe", ["unmount", mountPoint, "--lazy", "--timeout", "5s"])
        }
        // -xdev, by name: should the mount still be there, its files are not this directory's.
        _ = ChildProcess.run("find", [directory, "-xdev", "-delete"])
    }

    // MARK: Helpers

    private func say(_ text: String) { tell("\n\(text)") }

    /// A demo that nobody can read leaves nothing behind, either.
    private func tell(_ text: String) {
        guard let error = Terminal.send((text + "\n").utf8) else { return }
        cleanUp()
        Terminal.end(error)
    }

    private func step(
        _ name: String,
        _ program: String,
        _ arguments: [String],
        _ environment: [String: String]
    ) throws(CommandFailure) {
        let process = try started(program, ["outputfs"] + arguments, environment)
        try finished("outputfs \(name)", process.wait())
    }

    private func shell(_ line: String) throws(CommandFailure) {
        try finished(line, try started("sh", ["sh", "-c", line], System.environment).wait())
    }

    private func started(
        _ program: String,
        _ arguments: [String],
        _ environment: [String: String]
    ) throws(CommandFailure) -> ChildProcess {
        switch ChildProcess.start(program, arguments, environment: environment) {
        case .success(let process): return process
        case .failure(let error): throw CommandFailure(.system, "\(program) cannot be started: \(error)")
        }
    }

    private func finished(_ name: String, _ status: Int32) throws(CommandFailure) {
        guard status == 0 else { throw CommandFailure(.failure, "\(name) ended with status \(status)") }
    }

    private func content(of path: String) throws(CommandFailure) -> [UInt8] {
        switch System.read(path) {
        case .success(let bytes): return bytes
        case .failure(let error): throw CommandFailure(.failure, "\(path) cannot be read: \(error)")
        }
    }

    private func quoted(_ path: String) -> String {
        "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
