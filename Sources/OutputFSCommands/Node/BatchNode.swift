/// A node of an Azure Batch pool, as the variables tell that the agent gives to start tasks and tasks.
struct BatchNode: Sendable, Equatable {
    /// `AZ_BATCH_NODE_MOUNTS_DIR`: part of what Batch maps into containers.
    let mountsDirectory: String
    /// What the portal shows of the task or start task that runs this: `AZ_BATCH_TASK_DIR`, else `AZ_BATCH_NODE_STARTUP_DIR`.
    let shownDirectory: String?
    /// `AZ_BATCH_NODE_IS_DEDICATED`; a Spot node may be taken away with half a minute's notice.
    let isDedicated: Bool

    /// The mount point that is meant where none is named.
    static let standardName = "outputfs"

    /// `nil` elsewhere.
    init?(environment: [String: String]) {
        func directory(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        guard let mounts = directory("AZ_BATCH_NODE_MOUNTS_DIR") else { return nil }
        mountsDirectory = mounts
        shownDirectory = directory("AZ_BATCH_TASK_DIR") ?? directory("AZ_BATCH_NODE_STARTUP_DIR")
        isDedicated = environment["AZ_BATCH_NODE_IS_DEDICATED"]?.lowercased() != "false"
    }

    static let current = BatchNode(environment: System.environment)

    /// Where a mount point is: as Batch's own `relativeMountPath`, a plain name or path is below the node's mounts. What
    /// begins with a slash or a dot is what it says.
    func mountPoint(named path: String?) -> String {
        guard let path, !path.isEmpty else { return Path.join(mountsDirectory, Self.standardName) }
        return path.hasPrefix("/") || path.hasPrefix(".") ? path : Path.join(mountsDirectory, path)
    }

    /// Elsewhere a path is what it says, and none is none.
    static func mountPoint(named path: String?) -> String? {
        guard let node = current else { return path }
        return node.mountPoint(named: path)
    }

    /// `nil` where nothing can be put: tasks run as one user, start tasks as another.
    func shownFile(_ name: String) -> String? {
        guard let shownDirectory, System.isWritable(shownDirectory) else { return nil }
        return Path.join(shownDirectory, name)
    }

    /// Where mounts of root's answer tasks: below what Batch maps into containers, for these have a /run of their own.
    var controlDirectory: String { Path.join(mountsDirectory, ".outputfs") }

    static let logName = "outputfs.log"
    static let statusName = "outputfs-status.json"
}
