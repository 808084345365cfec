internal import ArgumentParser
internal import Glibc

struct ConfigCommand: ParsableCommand, TakingPlaces {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show what each option of a mount would be, and where its value comes from.",
        usage: "outputfs config [<source>] [<mountpoint>] [<options of mount>]",
        discussion: """
            Takes what mount takes, and mounts nothing. An option given by its own name wins over -o, that over the \
            environment (OUTPUTFS_CACHE_DIR for --cache-dir), that over the configuration files, and those over the \
            default. Secrets are not shown, only where they come from.

            EXAMPLES
              outputfs config
              outputfs config /mnt/outputs          # with what [mount."/mnt/outputs"] says
              outputfs config --json | jq '.settings[] | select(.origin != "default")'
            """
    )

    @Argument(
        help: .init("The account or endpoint, and the directory, as for mount.", valueName: "places"),
        completion: .directory
    )
    var places: [String] = []

    @Flag(help: "For programs: one JSON object.")
    var json = false

    @OptionGroup var file: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    @OptionGroup(title: "The tree")
    var tree: TreeFlags

    @OptionGroup(title: "Transfers")
    var transfer: TransferFlags

    @OptionGroup(title: "Azure Batch")
    var batch: BatchFlags

    @OptionGroup(title: "Process and log")
    var logging: LoggingOptions

    var sourceAndMountPoint: (source: String?, mountPoint: String?) { Self.taken(places) }

    func validate() throws {
        guard places.count <= 2 else {
            throw ValidationError("One source and one mount point; '\(places[2])' is too much.")
        }
    }

    func run() throws {
        let report = ConfigurationReport(
            try Program.settledArguments,
            source: sourceAndMountPoint.source,
            environment: System.environment,
            user: (System.userID, getegid())
        )
        Terminal.print(json ? try JSONText.of(report) : report.text)
    }
}
