/// What luisy does with one output of a pipeline when it is run with `--download` and `--upload`, before it does it.
///
/// luisy keeps for each file the hash of the *code* that made it, in a manifest on the machine and in one beside the blobs.
/// The rules are those of luisy 1.4.7.
package struct LuisySync: Sendable, Hashable {
    /// What luisy knows of an output when a run begins.
    package struct State: Sendable, Hashable {
        /// An external task cannot be run: its file comes from elsewhere.
        package var isExternal: Bool
        package var hasLocalFile: Bool
        /// The manifest's value on this machine, if there is one.
        package var localHash: String?
        package var hasBlob: Bool
        package var cloudHash: String?

        package init(
            isExternal: Bool,
            hasLocalFile: Bool,
            localHash: String?,
            hasBlob: Bool,
            cloudHash: String?
        ) {
            self.isExternal = isExternal
            self.hasLocalFile = hasLocalFile
            self.localHash = localHash
            self.hasBlob = hasBlob
            self.cloudHash = cloudHash
        }
    }

    /// How the output comes to be there.
    package enum Source: Sendable, Hashable {
        /// The file on this machine is kept, whatever is in it.
        case local
        /// The blob is fetched; the task counts as done.
        case download
        /// The task has to run.
        case run
        /// It is nobody's to make: a dependency that is missing.
        case missing
    }

    /// The local file was made by older code: it is deleted first.
    package var deletesLocalFile: Bool
    package var source: Source
    /// The value in this machine's manifest afterwards.
    package var localHash: String?
    /// The file is uploaded, and the hash of the code goes into the manifest beside the blobs.
    package var uploads: Bool

    /// An upload of a file that is not there, at which luisy's run aborts.
    package var isUploadOfNothing: Bool { uploads && source == .missing }

    /// - Parameter hash: of the code as it is now.
    package init(_ state: State, hash: String, download: Bool, upload: Bool) {
        let local = state.hasLocalFile ? state.localHash : nil
        let cloud = state.hasBlob && (download || upload) ? state.cloudHash : nil
        let isOutdated = local.map { !$0.utf8.elementsEqual(hash.utf8) } ?? false
        let isSameInCloud = cloud.map { $0.utf8.elementsEqual(hash.utf8) } ?? false

        deletesLocalFile = isOutdated && !state.isExternal
        if state.hasLocalFile && !deletesLocalFile {
            source = .local
        } else if download && isSameInCloud {
            source = .download
        } else {
            source = state.isExternal ? .missing : .run
        }
        localHash = state.isExternal && isOutdated ? local : hash
        uploads = upload && !isSameInCloud
    }
}
