package import OutputConventions
import OutputViews

/// When O_EXCL puts the new name into the store.
package enum ExclusiveCreation: String, Sendable, Hashable, CaseIterable {
    /// With the first commit: a race that is lost shows as EEXIST at close.
    case close
    /// An empty blob at once: EEXIST comes from open, as lock files want it, at the price of a request.
    case open
}

/// What a commit does when somebody elsewhere replaced the file since it was opened.
package enum ConflictPolicy: String, Sendable, Hashable, CaseIterable {
    /// The later close wins, as a whole.
    case replace
    /// close fails with ESTALE, and the bytes stay in the journal.
    case fail
}

/// How a tree behaves; everything that a mount may be told about it.
package struct TreeOptions: Sendable {
    /// The top-level folders that are shown.
    package var views: ShownViews = .all
    /// The one container that the tree holds, for credentials that reach no other; `nil` shows the whole account.
    package var onlyContainer: String?
    /// How long stat, ls and absent names may lag behind the store.
    package var attributeValidity: Duration = .seconds(1)
    /// Owner and group of what has none stored.
    package var userID: UInt32
    package var groupID: UInt32
    /// Permissions of files and directories that have none stored.
    package var filePermissions: UInt16 = 0o644
    package var directoryPermissions: UInt16 = 0o755
    /// Whether stored owners and modes are shown and kept; off where the uids are not this machine's.
    package var usesPosixMetadata = true
    /// Refuses every change (EROFS).
    package var isReadOnly = false
    package var durability: Durability = .commit
    package var exclusiveCreation: ExclusiveCreation = .close
    package var conflictPolicy: ConflictPolicy = .replace
    /// How long a commit goes after versions that others put in its place.
    package var commitDeadline: Duration = .seconds(600)
    /// Outputs of these kinds are append blobs, which grow while they are written.
    package var trackedKinds: TrackedKinds = .standard
    /// How long after its first unsent byte such a file is sent.
    package var logInterval: Duration = .seconds(15)
    /// Who knows of jobs what the store does not; `nil` where nobody is to be asked. The tree's store must be a
    /// `StoreWithRecords` of the same, which reads them.
    package var records: (any JobRecords)?

    var gatheredSource: GatheredSource { GatheredSource(onlyContainer: onlyContainer) }

    package init(userID: UInt32, groupID: UInt32) {
        self.userID = userID
        self.groupID = groupID
    }
}
