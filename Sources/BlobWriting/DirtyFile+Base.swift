internal import BlobStorage
internal import Synchronization

/// How a commit comes to the bytes that are in the store only: by naming their blocks, by having them copied, or by
/// fetching them.
extension DirtyFile {
    /// Afterwards every byte of the file is here, or in a block that the plan names or copies. Says under which
    /// condition the commit is good.
    func prepareBase(_ blob: BlobAddress, _ condition: VersionCondition) async throws(CommitError) -> VersionCondition {
        let (needsBase, isEdit, isOwn) = state.withLock { state in
            (state.plan.needsBase, state.isEdit, state.source == nil)
        }
        guard needsBase else { return condition }
        var condition = condition
        var blocks: [BaseBlock] = []
        if isOwn {
            let list = try await findBase(blob, &condition, wantsBlocks: isEdit)
            blocks = list.map { BaseBlock.all(of: $0.committed) } ?? []
            // Blocks that are not the whole blob would be put in the wrong places: the service copies ranges instead.
            let length = state.withLock { $0.base?.length }
            if blocks.last?.range.upperBound != length { blocks = [] }
        }
        guard isEdit, try await adaptToLeftovers(of: blob, &condition) else {
            try await fetchBase()
            // Not tried: what is refused late would be staged as soon as the Put Blob has cleared the way for it.
            state.withLock { if !$0.hasFittingNames { $0.plan.blockStaging() } }
            return condition
        }
        let fetches = state.withLock { $0.plan.cutEdit(blocks, mayCopy: $0.mayCopy) }
        try await fetch(fetches)
        return condition
    }

    /// Makes sure that the base is there still, or that what is there is an earlier commit of this file; the blocks, if
    /// they have to be known.
    private func findBase(
        _ blob: BlobAddress,
        _ condition: inout VersionCondition,
        wantsBlocks: Bool
    ) async throws(CommitError) -> BlockList? {
        let mustAsk = state.withLock { !$0.unanswered.isEmpty || wantsBlocks && !$0.plan.isEdited }
        var list: BlockList?
        if mustAsk {
            let found = try await blockList(of: blob)
            let outcome = state.withLock { state in state.find(found) }
            switch outcome {
            case .other: throw .storage(.overtaken(blob))
            case .same: break
            case .landed(let old, let new):
                if condition == .matches(old) { condition = .matches(new) }
            }
            list = found
        }
        // As long as bytes of it are needed the file is an edit of this version and no other.
        if condition == .any, let etag = state.withLock({ $0.base?.version.etag }) { condition = .matches(etag) }
        return list
    }

    /// Gives our blocks ids that the blob takes beside those that it has. `false`: only one whole Put Blob can replace
    /// what is there.
    private func adaptToLeftovers(
        of blob: BlobAddress,
        _ condition: inout VersionCondition
    ) async throws(CommitError) -> Bool {
        let (isBlocked, isOwn) = state.withLock { ($0.plan.isBlocked, $0.source == nil) }
        guard isBlocked || isOwn else { return true }
        guard isBlocked else { return state.withLock { $0.hasFittingNames } }
        var list = try await blockList(of: blob)
        if list.uncommitted.count >= UploadPlan.backgroundStageCountMax {
            do throws(CommitError) { condition = try await clearLeftovers(of: blob, condition) } catch {
                guard case .storage(let refusal) = error, refusal.kind == .conflict else { throw error }
                return false
            }
            list = try await blockList(of: blob)
            if isOwn, let version = list.version { state.withLock { $0.base?.version = version } }
        }
        return state.withLock { state in
            state.adoptNames(of: list)
            guard state.hasFittingNames else { return false }
            state.plan.unblockStaging()
            return true
        }
    }

    private func blockList(of blob: BlobAddress) async throws(CommitError) -> BlockList {
        do throws(StorageError) { return try await scheduler.store.blockList(of: blob) } catch {
            guard error.kind == .notFound else { throw .storage(error) }
            if state.withLock({ $0.source != nil }) { return BlockList(committed: [], uncommitted: [], version: nil) }
            throw .storage(.overtaken(blob))
        }
    }
}

extension DirtyFile.State {
    enum FoundVersion {
        /// The base.
        case same
        /// A commit of this file without an answer, and the base before it.
        case landed(ETag, ETag)
        case other
    }

    /// Whether the blocks of the base are worth their requests, and the service can be asked for them.
    fileprivate var isEdit: Bool {
        guard let base, source != nil || base.type == .block else { return false }
        if source == nil, plan.content.size <= plan.singlePutMax { return false }
        return plan.content.missing.reduce(0) { $0 + $1.upperBound - $1.lowerBound } >= plan.copyMin
    }

    /// Takes over what the list says of the version that is there.
    fileprivate mutating func find(_ list: BlockList) -> FoundVersion {
        guard let base, let version = list.version else { return .other }
        guard version.etag == base.version.etag || recognizes(list) else { return .other }
        adoptNames(of: list)
        guard version.etag != base.version.etag else { return .same }
        self.base?.version = version
        self.base?.length = list.committed.reduce(0) { $0 + $1.byteCount }
        return .landed(base.version.etag, version.etag)
    }

    /// The list is one that was sent for this file and not answered. It says the same of every byte that is not here.
    func recognizes(_ list: BlockList) -> Bool {
        !unanswered.isEmpty && unanswered.contains(BlockListDigest.of(list.committed.map(\.id)))
    }

    /// The blob takes ids of one length only. Where that is too short for ours, none of them fits.
    fileprivate mutating func adoptNames(of list: BlockList) {
        guard let id = (list.committed.first ?? list.uncommitted.first)?.id else {
            hasFittingNames = true
            return
        }
        let matching = names.matching(id)
        hasFittingNames = matching != nil
        guard let matching else { return }
        names = matching
        for block in list.committed + list.uncommitted {
            if let serial = names.serial(of: block.id) { plan.skipSerials(through: serial) }
        }
    }
}

extension StorageError {
    fileprivate static func overtaken(_ blob: BlobAddress) -> StorageError {
        StorageError(
            .conditionFailed,
            .permanent,
            operation: "Get Block List",
            resource: blob.description,
            message: "the version that was edited is not there any more"
        )
    }
}
