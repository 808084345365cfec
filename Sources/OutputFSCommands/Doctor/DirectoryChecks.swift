internal import Glibc

/// What a mount needs on the local disk. Nothing is made: what is missing is judged by the directory that it would be in.
enum DirectoryChecks {
    static func journal(_ directory: String, mountPoint: String?) -> Finding {
        check("journal", directory, option: "--journal-dir", mountPoint: mountPoint) { room in
            if let concern = room.kind.concern {
                return Finding(
                    "journal",
                    .warning,
                    "\(room.words); \(concern)",
                    try: "--journal-dir on a local disk that outlives this"
                )
            }
            // A block in each direction for a handful of files.
            return room.free >= 1 << 30
                ? Finding("journal", .ok, "\(room.words), and keeps what is written")
                : Finding(
                    "journal",
                    .warning,
                    "\(room.words): writing fails with ENOSPC when it is full",
                    try: "--journal-dir on a disk with as much room as is written at a time"
                )
        }
    }

    static func cache(_ settings: DiskCacheSettings?, mountPoint: String?) -> Finding {
        guard let settings else { return Finding("disk cache", .ok, "none (--cache-dir)") }
        return check("disk cache", settings.directory, option: "--cache-dir", mountPoint: mountPoint) { room in
            let held = DiskRoom.taken(by: settings.directory)
            do throws(CommandFailure) {
                let capacity: UInt64
                if let given = settings.capacity {
                    capacity = given
                } else {
                    capacity = try DiskCacheSettings.standardCapacity(
                        free: room.free,
                        held: held,
                        directory: settings.directory
                    )
                }
                let words = "\(room.words), \(HumanUnits.bytes(capacity)) for the cache"
                if room.kind == .memory || room.kind == .network {
                    return Finding(
                        "disk cache",
                        .warning,
                        room.kind == .memory
                            ? "\(words); it is memory (tmpfs), which --memory could use better"
                            : "\(words); it is on the network, and no faster than the store",
                        try: "--cache-dir on a local disk"
                    )
                }
                guard capacity > room.free + held else { return Finding("disk cache", .ok, words) }
                return Finding(
                    "disk cache",
                    .warning,
                    "\(words): when the disk is full, nothing more is kept",
                    try: "a smaller --cache-size, or another disk"
                )
            } catch { return Finding("disk cache", error) }
        }
    }

    private struct Room {
        var free: UInt64
        var kind: DiskKind
        var words: String
    }

    private static func check(
        _ name: String,
        _ directory: String,
        option: String,
        mountPoint: String?,
        judge: (Room) -> Finding
    ) -> Finding {
        do throws(CommandFailure) {
            if let mountPoint { try MountPoint.checkOutside(directory, mountPoint: mountPoint, option: option) }
        } catch { return Finding(name, error) }
        var existing = directory
        while access(existing, F_OK) != 0, existing != "/", existing != "." { existing = Path.split(existing).parent }
        var statistics = statvfs()
        guard access(existing, W_OK | X_OK) == 0, statvfs(existing, &statistics) == 0 else {
            let failure = CommandFailure(
                .cannotCreate,
                "\(option) \(directory): \(existing) cannot be written: \(Errno())",
                try: "\(option) elsewhere"
            )
            return Finding(name, failure)
        }
        if let error = DiskKind.objection(toWritingIn: existing) {
            let failure = CommandFailure(
                .cannotCreate,
                "\(option) \(directory): \(existing) does not keep what is written: \(error)",
                try: "\(option) elsewhere",
                "df -h \(existing)"
            )
            return Finding(name, failure)
        }
        let free = UInt64(statistics.f_bavail) * UInt64(statistics.f_frsize)
        let kind = DiskKind(of: existing)
        return judge(Room(free: free, kind: kind, words: "\(directory) has room for \(HumanUnits.bytes(free))"))
    }
}
