internal import OutputTree

/// What is mounted already, and where the next mount would be.
enum MountChecks {
    static func running(_ report: StatusReport) -> [Finding] {
        var findings = report.silent.map { mount in
            Finding(
                "mount",
                .warning,
                "\(mount.mountPoint): \(mount.reason)",
                try: "outputfs unmount \(mount.mountPoint)"
            )
        }
        for mount in report.mounts {
            if mount.programVersion != Program.version {
                findings.append(
                    Finding(
                        "mount",
                        .warning,
                        "\(mount.mountPoint) is served by version \(mount.programVersion); this is \(Program.version)",
                        try: "outputfs unmount \(mount.mountPoint), then mount again"
                    )
                )
            } else if let failed = mount.tree.pendingFiles.first(where: { $0.failedAttempts > 0 }) {
                findings.append(
                    Finding(
                        "mount",
                        .problem,
                        "\(mount.mountPoint) cannot send \(failed.path): \(failed.lastError ?? "no reason given")",
                        try: "outputfs status \(mount.mountPoint)"
                    )
                )
            } else {
                findings.append(Finding("mount", .ok, "\(mount.mountPoint) is served, by version \(Program.version)"))
            }
        }
        return findings
    }

    /// The canonical mount point, where it may be mounted on; a mount of ours that is there is no obstacle to a check.
    static func mountPoint(_ path: String, allowsContent: Bool, _ report: StatusReport) -> (String?, Finding) {
        let canonical = System.canonicalPath(path) ?? path
        if report.mounts.contains(where: { $0.mountPoint.utf8.elementsEqual(canonical.utf8) }) {
            return (canonical, Finding("mount point", .ok, "\(path) is mounted"))
        }
        do throws(CommandFailure) {
            let place = try MountPoint.check(path, allowsContent: allowsContent)
            return (place, Finding("mount point", .ok, "\(place) can be mounted on"))
        } catch { return (nil, Finding("mount point", error)) }
    }
}
