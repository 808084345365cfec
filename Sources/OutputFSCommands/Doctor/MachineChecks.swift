internal import FuseBinding
internal import Glibc

/// What this machine must have, whatever is mounted.
enum MachineChecks {
    static func run(allowsOthers: Bool) -> [Finding] {
        [
            fuse(), others(isWanted: allowsOthers), kernel(release: release, isRoot: System.userID == 0),
            descriptors(limit: descriptorLimit),
        ]
    }

    private static func fuse() -> Finding {
        do throws(CommandFailure) { try MountPoint.checkMachine(allowsOthers: false) } catch {
            return Finding("FUSE", error)
        }
        let helper = System.userID == 0 ? "mounting as root" : "fusermount3 mounts for users"
        return Finding("FUSE", .ok, "/dev/fuse can be opened; \(helper)")
    }

    private static func others(isWanted: Bool) -> Finding {
        do throws(CommandFailure) { try MountPoint.checkMachine(allowsOthers: true) } catch {
            return isWanted
                ? Finding("other users", error)
                : Finding(
                    "other users",
                    .ok,
                    "only you can enter (--allow-other needs user_allow_other in /etc/fuse.conf)"
                )
        }
        return Finding("other users", .ok, "--allow-other may be used")
    }

    /// The kernel's release is as `uname -r` has it: `6.9.0-1-amd64`.
    static func kernel(release: String, isRoot: Bool) -> Finding {
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else {
            return Finding("kernel", .warning, "'\(release)' is no version of Linux")
        }
        let hasPassthrough = (numbers[0], numbers[1]) >= (6, 9)
        let finding =
            switch (hasPassthrough, isRoot) {
            case (true, true): "\(release): reads complete local files by itself (passthrough, with --cache-dir)"
            case (true, false): "\(release): passthrough is for mounts by root; what is cached goes through the process"
            case (false, _): "\(release): no passthrough (6.9 and later); what is cached goes through the process"
            }
        return Finding("kernel", .ok, finding)
    }

    /// Each file that is open for writing takes a descriptor.
    static func descriptors(limit: UInt64) -> Finding {
        limit >= 4_096
            ? Finding("open files", .ok, "up to \(limit)")
            : Finding(
                "open files",
                .warning,
                "only \(limit) descriptors: as many files can be written at a time, and then EMFILE",
                try: "ulimit -Hn 65536, or LimitNOFILE=65536 in a systemd unit"
            )
    }

    private static var release: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "" }
        return withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static var descriptorLimit: UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return UInt64(limit.rlim_max)
    }
}
