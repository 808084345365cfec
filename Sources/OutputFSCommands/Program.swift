internal import ArgumentParser
internal import Glibc

/// The program: parse, run, and one exit status for everything that can go wrong.
package enum Program {
    package static let version = "0.1.0"

    /// What follows the program's name.
    static var arguments: [String] { MountHelper.arguments(CommandLine.arguments) ?? [] }

    /// The same, with what files, environment and `-o` say.
    static var settledArguments: SettledArguments {
        get throws(CommandFailure) {
            try SettledArguments(
                arguments,
                environment: System.environment,
                workingDirectory: System.canonicalPath("."),
                readFile: { System.read($0) }
            )
        }
    }

    package static func main() -> Never {
        System.holdStandardStreams()
        if MountHelper.arguments(CommandLine.arguments) == nil { System.exit(.success) }
        do {
            var command = try RootCommand.parseAsRoot(settledArguments.arguments)
            try command.run()
        } catch let failure as CommandFailure {
            Terminal.error(failure.report)
            System.exit(failure.status)
        } catch {
            // Help, version and misuse: ArgumentParser's own words, and its own status (0 or 64).
            let text = RootCommand.fullMessage(for: error)
            let status = RootCommand.exitCode(for: error)
            guard status.isSuccess else {
                Terminal.error(text)
                Glibc.exit(status.rawValue)
            }
            if !text.isEmpty { Terminal.print(text) }
        }
        System.exit(.success)
    }
}

/// `outputfs`: what is there, and where to begin.
struct RootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outputfs",
        abstract: "Job and task outputs in Azure Blob Storage, as ordinary files.",
        discussion: """
            Without an account:
              outputfs demo              a small job, on an embedded server
              outputfs emulator          the embedded server alone

            With an account (secrets come from files or the environment only):
              export AZURE_STORAGE_CONNECTION_STRING='AccountName=…;AccountKey=…'
              outputfs mount /mnt/outputs
              ls /mnt/outputs/jobs
              outputfs status
              outputfs unmount /mnt/outputs

            Shell completion: outputfs --generate-completion-script bash|zsh|fish
            Every option may stand in a file or in the environment: outputfs config
            Exit statuses and every option: docs/CONFIGURATION.md, outputfs(1)
            """,
        version: "outputfs \(Program.version)",
        groupedSubcommands: [
            CommandGroup(
                name: "Mount",
                subcommands: [
                    MountCommand.self, UnmountCommand.self, StatusCommand.self, DrainCommand.self, WarmCommand.self,
                    RecoverCommand.self, LogLevelCommand.self,
                ]
            ),
            CommandGroup(
                name: "File",
                subcommands: [
                    LsCommand.self, FindCommand.self, CatCommand.self, GetCommand.self, PutCommand.self,
                    SyncCommand.self, RemoveCommand.self, VerifyCommand.self, HashCommand.self, UploadCommand.self,
                ]
            ),
            CommandGroup(name: "Job", subcommands: [JobsCommand.self, ForeachCommand.self, LuisyCommand.self]),
            CommandGroup(
                name: "Setup",
                subcommands: [DoctorCommand.self, ConfigCommand.self, EmulatorCommand.self, DemoCommand.self]
            ),
        ]
    )
}
