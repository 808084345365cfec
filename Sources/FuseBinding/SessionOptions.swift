/// How one mount is to be made.
package struct SessionOptions: Sendable {
    /// The directory to mount over; absolute or relative to the working directory.
    package var mountPoint: String
    /// What mount(8) shows as the source.
    package var fsName: String
    /// Other users may look in, too.
    package var allowOther = false
    /// Root may look in, too; everybody else but the mounting user may not.
    package var allowRoot = false
    package var isReadOnly = false
    /// Let the kernel read complete local files by itself where it can (`Opened.backing`).
    package var usesPassthrough = true
    /// `nil`: 2 on two cores, up to 4 on more; fewer threads mean fewer wake-ups.
    package var readerThreads: Int?
    /// Requests that the kernel may have outstanding unasked: read-ahead, write-back, direct asynchronous I/O.
    package var maxBackground = 128
    /// Flags of mount(8) to hand on; see `SessionOptions.knownMountFlags`.
    package var mountFlags: [String] = []

    package init(mountPoint: String, fsName: String) {
        self.mountPoint = mountPoint
        self.fsName = fsName
    }

    /// The flags of mount(8) that make sense here. `suid` and `dev` are refused: a setuid bit or a device that
    /// comes out of a blob's metadata is never honoured.
    package static let knownMountFlags: Set<String> = [
        "async", "atime", "dirsync", "exec", "noatime", "nodev", "noexec", "nosuid", "ro", "rw", "sync",
    ]

    /// What stands behind `fuse.` as the type of a mount.
    static let subtype = "outputfs"

    /// The largest read and write request in bytes: 256 pages, the kernel's default limit and libfuse's buffer.
    static let requestSizeMax = 1 << 20

    func readerThreadCount(cores: Int) -> Int { readerThreads.map { max(1, $0) } ?? min(4, max(2, cores)) }

    /// The options for libfuse, as they stand behind `-o`.
    func mountArguments() throws(SessionError) -> [String] {
        for flag in mountFlags where !Self.knownMountFlags.contains(flag) {
            throw SessionError(
                .invalidOption,
                "-o \(flag)",
                "unknown mount flag",
                remedy: "Known are: \(Self.knownMountFlags.sorted().joined(separator: ", "))"
            )
        }
        if allowOther && allowRoot {
            throw SessionError(.invalidOption, "allow_other, allow_root", "one excludes the other")
        }
        var arguments = [
            "fsname=\(Self.escaped(fsName))", "subtype=\(Self.subtype)", "default_permissions", "nosuid", "nodev",
            "max_read=\(Self.requestSizeMax)",
        ]
        if allowOther { arguments.append("allow_other") }
        if allowRoot { arguments.append("allow_root") }
        if isReadOnly { arguments.append("ro") }
        return arguments + mountFlags
    }

    /// libfuse splits the list at commas unless a backslash stands before them.
    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for character in value.unicodeScalars {
            if character == "," || character == "\\" { escaped.unicodeScalars.append("\\") }
            escaped.unicodeScalars.append(character)
        }
        return escaped
    }
}
