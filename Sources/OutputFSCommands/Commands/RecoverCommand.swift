internal import ArgumentParser
internal import BlobStorage
internal import BlobWriting
internal import Glibc
internal import LocalStore
internal import Logging

struct RecoverCommand: ParsableCommand, TakingPlaces {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Upload, list, save or discard what mounts that ended left in the journal.",
        usage: "outputfs recover [<source>] [--list | --export <directory> | --publish <id> | --discard <id>]",
        discussion: """
            A mount uploads by itself what an earlier one had closed and not sent. Without an option this does the \
            same without a mount. What conflicts with a newer blob, or was never closed, is only listed, and waits \
            for a decision. What a living mount works on is left alone.

            EXAMPLES
              outputfs recover --list
              outputfs recover myaccount --key-file ~/.azure/myaccount.key
              outputfs recover --export /tmp/saved     # files, and manifest.json
              outputfs recover myaccount --publish 1f2e-00000001
            """
    )

    @Argument(help: "The account or endpoint, where something is uploaded or fetched.")
    var source: String?

    @Flag(help: "Show what is there, and why.")
    var list = false

    @Option(
        help: .init("Write all of it as files below this directory.", valueName: "directory"),
        completion: .directory
    )
    var export: String?

    @Option(help: .init("Upload this one over whatever the store has; more than once.", valueName: "id"))
    var publish: [String] = []

    @Option(help: .init("Forget this one, with its bytes; more than once.", valueName: "id"))
    var discard: [String] = []

    @Option(
        help: .init(
            "The journal (/var/spool/outputfs, or ~/.local/state/outputfs/journal).",
            valueName: "directory"
        ),
        completion: .directory
    )
    var journalDir: String?

    @OptionGroup var file: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    var sourceAndMountPoint: (source: String?, mountPoint: String?) { (source, nil) }

    func validate() throws {
        let count = [list, export != nil, !publish.isEmpty, !discard.isEmpty].filter(\.self).count
        guard count <= 1 else { throw ValidationError("Give one of --list, --export, --publish and --discard.") }
    }

    func run() throws {
        System.keepOutOfCoreDumps()
        let directory = MountConfiguration.journalDirectory(
            given: journalDir,
            userID: System.userID,
            environment: System.environment,
            workingDirectory: System.canonicalPath(".") ?? "/"
        )
        let session = try RecoverySession(directory: directory)
        if list {
            Terminal.print(session.table(now: WallTime.now().seconds))
        } else if let export {
            // Without an account what is here is written out all the same.
            let source = try? storage.source(named: source)
            try session.export(to: export, from: source)
        } else if !discard.isEmpty {
            try session.discard(discard)
        } else {
            try session.upload(to: try storage.source(named: source), named: publish)
        }
    }
}
