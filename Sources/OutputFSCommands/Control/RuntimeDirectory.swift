internal import Glibc

/// Where the control sockets of this user's mounts lie: one per mount, named by a hash of the mount point.
///
/// Root: /run/outputfs. Others: $XDG_RUNTIME_DIR/outputfs, else /tmp/outputfs-UID. Mode 0700: who can connect, may.
enum RuntimeDirectory {
    static func path(userID: UInt32, environment: [String: String]) -> String {
        if userID == 0 { return "/run/outputfs" }
        if let runtime = environment["XDG_RUNTIME_DIR"], runtime.hasPrefix("/") {
            return Path.join(runtime, "outputfs")
        }
        return "/tmp/outputfs-\(userID)"
    }

    static var current: String { path(userID: System.userID, environment: System.environment) }

    /// The socket of the mount at a canonical path. 16 hex digits of FNV-1a, for a path does not fit into the 108
    /// bytes of `sun_path`; the daemon says in each answer which mount it serves.
    static func socket(of mountPoint: String, in directory: String = current) -> String {
        Path.join(directory, name(of: mountPoint) + ".sock")
    }

    /// The socket of a mount of this user's, or else the one by which a mount on a Batch node answers tasks.
    static func anySocket(of mountPoint: String) -> String {
        let own = socket(of: mountPoint)
        guard access(own, F_OK) != 0, let directory = BatchNode.current?.controlDirectory else { return own }
        let shared = socket(of: mountPoint, in: directory)
        return access(shared, F_OK) == 0 ? shared : own
    }

    /// The log of a mount in the background that was given no other.
    static func log(of mountPoint: String, in directory: String = current) -> String {
        Path.join(directory, name(of: mountPoint) + ".log")
    }

    /// See `KeeperLock`.
    static func keeperLock(of mountPoint: String, in directory: String = current) -> String {
        Path.join(directory, name(of: mountPoint) + ".keeper")
    }

    private static func name(of mountPoint: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in mountPoint.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func sockets(in directory: String = current) -> [String] {
        System.names(in: directory).filter { $0.hasSuffix(".sock") }.sorted().map { Path.join(directory, $0) }
    }

    /// Makes the directory, or checks that what is there is a directory of ours that nobody else could put anything into:
    /// in /tmp somebody else might have been there first. One that others may look into, as other versions made it,
    /// gets the mode that is wanted.
    static func make(_ directory: String = current, mode: UInt32 = 0o700) throws(CommandFailure) {
        if mkdir(directory, mode) != 0, errno != EEXIST {
            throw CommandFailure(
                .cannotCreate,
                "\(directory) cannot be made: \(Errno())",
                try: "export XDG_RUNTIME_DIR=…"
            )
        }
        var status = stat()
        guard lstat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == System.userID,
            status.st_mode & 0o022 == 0,
            status.st_mode & 0o7777 == mode || chmod(directory, mode) == 0
        else {
            throw CommandFailure(
                .cannotCreate,
                "\(directory) is not a directory that only you can change",
                try: "remove it",
                "chmod 700 \(directory)"
            )
        }
    }
}
