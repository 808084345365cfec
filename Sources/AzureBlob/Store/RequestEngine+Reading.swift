internal import BlobStorage

/// What operations and their recovery look up.
extension RequestEngine {
    struct BlobHead: Sendable {
        var properties: BlobProperties
        var head: ResponseHead
    }

    func properties(
        of blob: BlobAddress,
        condition: VersionCondition = .any
    ) async throws(StorageError) -> BlobHead {
        let request = StorageRequest.properties(of: blob, condition: condition)
        return try await call(request) { answer throws(StorageError) in
            guard let properties = BlobProperties(head: answer.head) else {
                throw Self.incomplete(request, answer.head)
            }
            return BlobHead(properties: properties, head: answer.head)
        }
    }

    /// A success that lacks what the operation promises: a proxy's answer, most likely.
    static func incomplete(_ request: StorageRequest, _ head: ResponseHead) -> StorageError {
        StorageError(.corrupted, .temporary, request, "the answer lacks the version or the length", head: head)
    }

    /// For operations whose answer is the new version.
    static func version(
        _ request: StorageRequest
    ) -> @Sendable (Answer) throws(StorageError) -> BlobVersion {
        { answer throws(StorageError) in
            guard let version = answer.head.version else { throw incomplete(request, answer.head) }
            return version
        }
    }

    /// Recovery of a commit: one look at the blob, which says whether our commit was the last. Who may not look hears what
    /// the service said.
    func recovery(
        of blob: BlobAddress,
        _ proof: CommitProof
    ) -> (StorageError) async throws(StorageError) -> Recovery<BlobVersion> {
        { error throws(StorageError) in
            switch error.kind {
            // A block list that was committed can name no uncommitted blocks the second time.
            case .alreadyExists, .conditionFailed: break
            case .conflict where error.code == "InvalidBlockList": break
            default: return .refused
            }
            let found: BlobHead?
            do throws(StorageError) { found = try await self.head(ifPresent: blob) } catch {
                guard error.kind == .denied else { throw error }
                return .refused
            }
            guard let found, proof.holds(for: found) else { return .refused }
            return .done(found.properties.version)
        }
    }

    /// `nil` if there is no such blob.
    func head(ifPresent blob: BlobAddress) async throws(StorageError) -> BlobHead? {
        do throws(StorageError) {
            return try await properties(of: blob)
        } catch {
            guard error.kind == .notFound else { throw error }
            return nil
        }
    }
}
