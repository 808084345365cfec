internal import ArgumentParser
internal import Glibc

struct EmulatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emulator",
        abstract: "Run an embedded Azure Blob server.",
        discussion: """
            In memory, or durable in a directory. Every client of Azure Blob Storage can use it: outputfs, the SDKs, \
            rclone, azcopy. Without --account it has the account that all emulators of Azure have.

            EXAMPLES
              outputfs emulator
              outputfs emulator --listen 127.0.0.1:0 --data /var/tmp/blobs
              outputfs emulator --account farm:$(head -c 32 /dev/urandom | base64)
            """
    )

    @Option(help: .init("Where to listen; port 0 takes a free one.", valueName: "address:port"))
    var listen = "127.0.0.1:10000"

    @Option(
        help: .init("A directory to keep everything in; without it all is gone at the end.", valueName: "directory"),
        completion: .directory
    )
    var data: String?

    @Option(
        help: .init(
            "An account with its key in base64; may be given more than once. Visible in the process list: see --account-file.",
            valueName: "name:key"
        )
    )
    var account: [String] = []

    @Option(
        help: .init("A file with one NAME:KEY a line.", valueName: "file"),
        completion: .file()
    )
    var accountFile: String?

    @Flag(
        help: .init(
            "Accounts have a hierarchical namespace (ADLS Gen2), and the operations of the Data Lake endpoint.",
            discussion: "A data directory is to be started the same way every time."
        )
    )
    var hns = false

    @Flag(help: "Let tests cause faults and read counters, below /-/.")
    var control = false

    func run() throws {
        TerminationSignals.block()
        let settings = try EmulatorSettings(
            listen: listen,
            dataDirectory: data,
            accounts: account,
            accountFile: accountFile,
            isHierarchical: hns,
            allowsControl: control,
            readFile: { System.read($0) }
        )
        if let data { try MountPoint.makePrivateDirectory(data, option: "--data") }
        let emulator = try Composition.emulator(settings)
        Terminal.print(Self.greeting(endpoint: emulator.endpoint, settings: settings))
        _ = TerminationSignals.wait()
        emulator.stop()
    }

    /// What was started, and what to type next.
    static func greeting(endpoint: String, settings: EmulatorSettings) -> String {
        let accounts = settings.accounts.map { account in
            """
            export AZURE_STORAGE_CONNECTION_STRING='\(account.connectionString(endpoint: endpoint))'
            """
        }
        let place = settings.dataDirectory.map { "kept in \($0)" } ?? "in memory"
        return """
            Blob endpoint: \(settings.accounts.map { "\(endpoint)/\($0.name)" }.joined(separator: " ")) (\(place))

            In another terminal:
              \(accounts.joined(separator: "\n  "))
              mkdir -p /tmp/outputs && outputfs mount /tmp/outputs
              mkdir -p /tmp/outputs/jobs/first/JobOutput && echo hello > /tmp/outputs/jobs/first/JobOutput/hello.txt

            Ctrl-C ends it.
            """
    }
}
