internal import FuseBinding
internal import Glibc

/// A mount whose cache is to be warmed.
struct WarmTarget: Sendable {
    var mountPoint: String
    /// As its process said before the first read; `nil`: it is not this user's, or does not answer.
    var status: MountStatus?

    init(mountPoint: String, status: MountStatus?) {
        self.mountPoint = mountPoint
        self.status = status
    }

    /// Bytes that stay after they were read: on disk, or in memory where there is no disk cache.
    var capacity: UInt64? { status.map { $0.diskCache?.capacity ?? $0.cache.budget } }

    /// What should be known before anything is read.
    var note: String? {
        guard let status else {
            return
                "the process behind \(mountPoint) is not yours, or does not answer: whether it keeps what is read is not known"
        }
        guard status.diskCache == nil else { return nil }
        return
            "\(mountPoint) has no --cache-dir: only its memory (\(HumanUnits.bytes(status.cache.budget))) is warmed, until it is unmounted"
    }

    /// What should be known once more was found than fits.
    var noteOnExcess: String {
        let place = status?.diskCache == nil ? "its memory holds" : "its --cache-size"
        let size = capacity.map(HumanUnits.bytes) ?? ""
        return "below \(mountPoint) there is more to read than \(place) (\(size)): not all of it will stay"
    }

    func askedAgain() -> WarmTarget {
        WarmTarget(mountPoint: mountPoint, status: status == nil ? nil : Self.ask(mountPoint))
    }

    static func ask(_ mountPoint: String) -> MountStatus? {
        let socket = RuntimeDirectory.socket(of: mountPoint)
        do throws(Errno) {
            let request = ControlRequest(command: .status)
            return try ControlClient.ask(socket, request, timeout: ControlClient.statusTimeout).status
        } catch { return nil }
    }
}

/// Where to begin: a file or directory, and the mount that it lies in.
struct WarmRoot: Sendable {
    /// Canonical.
    var path: String
    /// Of the mounts that are warmed.
    var targetIndex: Int

    /// Finds each path's mount.
    ///
    /// - Throws: `usage` for a path that does not lie in a mount of ours: reading it would warm nothing.
    static func resolve(_ paths: [String]) throws(CommandFailure) -> (roots: [WarmRoot], targets: [WarmTarget]) {
        let table = MountTable.current()
        var roots: [WarmRoot] = []
        var mountPoints: [String] = []
        for path in paths {
            // realpath follows `self` as this process: the task's own folder, where it runs in one.
            guard let canonical = System.canonicalPath(path) else {
                throw CommandFailure(
                    .notFound,
                    "\(path) cannot be found: \(Errno())",
                    try: "ls \(Path.split(path).parent)"
                )
            }
            guard let mount = table.innermost(around: canonical), mount.isOutputFS else {
                throw CommandFailure(
                    .usage,
                    "\(path) is not below a mount of outputfs: there is nothing to warm",
                    try: "outputfs status, which lists the mounts"
                )
            }
            let known = mountPoints.firstIndex { $0.utf8.elementsEqual(mount.mountPoint.utf8) }
            if known == nil { mountPoints.append(mount.mountPoint) }
            roots.append(WarmRoot(path: canonical, targetIndex: known ?? mountPoints.count - 1))
        }
        return (roots, mountPoints.map { WarmTarget(mountPoint: $0, status: WarmTarget.ask($0)) })
    }
}
