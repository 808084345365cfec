internal import ArgumentParser

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See the whole thing at work, without an account.",
        discussion: """
            Starts the embedded server, mounts it on a temporary directory and runs a small render job there: four \
            tasks side by side and one that joins their frames. Lists, tails and reads all back, through the mount \
            and with the Python SDK where there is one, and compares every byte.

            EXAMPLES
              outputfs demo
              outputfs demo --keep                              # leaves it running, to look around
              outputfs demo --python .build/venv/bin/python     # one that has azure-storage-blob
            """
    )

    @Flag(help: "Keep the server and the mount until Ctrl-C.")
    var keep = false

    @Option(
        help: .init("A Python that has azure-storage-blob.", valueName: "path"),
        completion: .file()
    )
    var python: String?

    func run() throws {
        TerminationSignals.block()
        try MountPoint.checkMachine(allowsOthers: false)
        try Demo(python: python).run(keepsRunning: keep)
    }
}
