internal import ArgumentParser

/// The mount's setting of this name, for commands that move files.
struct PosixMetadataOption: ParsableArguments {
    @Option(
        help: .init(
            "Whether permissions are stored and restored (on). Times and links always are.",
            valueName: "on|off"
        ),
        completion: .list(["on", "off"]),
        transform: Values.onOff
    )
    var posixMetadata: Bool?

    var isOn: Bool { posixMetadata ?? true }
}
