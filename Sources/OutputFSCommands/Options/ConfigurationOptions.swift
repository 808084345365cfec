internal import ArgumentParser

/// Which file the settings come from. It is read before the arguments are parsed: see `SettledArguments`.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: .init(
            "A file with settings, instead of those in the usual places.",
            discussion: "Environment: OUTPUTFS_CONFIG.",
            valueName: "file"
        ),
        completion: .file()
    )
    var config: String?
}
