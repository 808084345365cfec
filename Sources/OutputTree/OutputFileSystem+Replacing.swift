import BlobStorage
import BlobWriting
import FileSystemModel
import Logging

/// Every request that puts a blob in place, or takes one away, names the version that it is about, so that one which the
/// store carries out late (after its mount was killed, or after a later attempt) replaces nothing that came since.
///
/// Where the later close wins, a refusal is answered by asking for the version that is there now, and naming that one.
extension OutputFileSystem {
    // MARK: Commits

    /// Commits under `condition`. With `mayReplace`, whatever else is there is replaced: a version after the other, until
    /// the commit deadline.
    func commit(
        _ local: DirtyFile,
        to address: BlobAddress,
        _ headers: BlobHeaders,
        _ condition: VersionCondition,
        mayReplace: Bool
    ) async throws(CommitError) -> CommittedFile {
        var pursuit = Pursuit(of: address, condition, now: clock.monotonic())
        while true {
            do throws(CommitError) { return try await commit(local, to: address, headers, pursuit.condition) } catch {
                // Of a log the refusal says that somebody began it anew.
                guard mayReplace, !local.isLog, case .storage(let refusal) = error else { throw error }
                do throws(StorageError) { try await follow(&pursuit, after: refusal) } catch { throw .storage(error) }
            }
        }
    }

    /// A blob keeps its type until it is deleted: for an append or page blob that is written here there is no single
    /// step. By the time the store refuses, all bytes of it that are still wanted are here.
    private func commit(
        _ local: DirtyFile,
        to address: BlobAddress,
        _ headers: BlobHeaders,
        _ condition: VersionCondition
    ) async throws(CommitError) -> CommittedFile {
        do throws(CommitError) { return try await local.commit(headers: headers, condition: condition) } catch {
            guard case .storage(let refusal) = error, refusal.code == "InvalidBlobType", !local.isLog else {
                throw error
            }
            logger.notice("\(address) changes its type: it is deleted and put again as a block blob")
            do throws(StorageError) { try await makeRoom(at: address, condition) } catch { throw .storage(error) }
            await local.noteDeleted()
            return try await local.commit(headers: headers, condition: .vacant)
        }
    }

    // MARK: Other requests

    /// Carries out `request` under `condition`, and where that names another version than is there, under one that names it.
    /// `.absent` is for who must be the one who makes the blob.
    func replacing<Value: Sendable>(
        _ blob: BlobAddress,
        _ condition: VersionCondition,
        _ request: (VersionCondition) async throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        var pursuit = Pursuit(of: blob, condition, now: clock.monotonic())
        while true {
            do throws(StorageError) { return try await request(pursuit.condition) } catch {
                guard condition != .absent else { throw error }
                try await follow(&pursuit, after: error)
            }
        }
    }

    /// Deletes whatever has the name; `known` is the version that is there, as far as anybody knows.
    func deleteNamed(_ blob: BlobAddress, known: ETag?) async throws(StorageError) {
        let known = if let known { VersionCondition.matches(known) } else { try await versionToReplace(at: blob) }
        try await replacing(blob, known) { (condition) throws(StorageError) in
            guard condition != .vacant else { throw .gone(blob) }
            try await store.delete(blob, condition: condition)
        }
    }

    /// Before a blob of another type can have the name.
    func makeRoom(at blob: BlobAddress, _ condition: VersionCondition) async throws(StorageError) {
        do throws(StorageError) {
            switch condition {
            case .matches: try await store.delete(blob, condition: condition)
            case .any, .absent, .vacant: try await deleteNamed(blob, known: nil)
            }
        } catch { guard error.kind == .notFound else { throw error } }
    }

    // MARK: Which version

    /// What a request that replaces whatever is there has to name: one HEAD. Who may not look names nothing: a token
    /// that only writes, or nobody's customer key.
    private func versionToReplace(at blob: BlobAddress) async throws(StorageError) -> VersionCondition {
        if rights.hidesBlobs(in: blob.container) { return .any }
        do throws(StorageError) { return .matches(try await store.properties(of: blob).version.etag) } catch {
            switch error.kind {
            case .notFound: return .vacant
            case .denied, .encrypted: return .any
            default: throw error
            }
        }
    }

    /// Finds out what is to be named next, or says that `refusal` stands.
    private func follow(_ pursuit: inout Pursuit, after refusal: StorageError) async throws(StorageError) {
        guard pursuit.mayGoOn(after: refusal, at: clock.monotonic(), within: options.commitDeadline) else {
            throw refusal
        }
        let next = try await versionToReplace(at: pursuit.blob)
        guard pursuit.goesOn(with: next) else { throw refusal }
        logger.debug("\(pursuit.blob) was changed meanwhile: \(refusal)")
    }

    /// The version of an unlinked file that still has the node's name in the store.
    func holderVersion(of node: FileNode) -> ETag? {
        let (address, covers) = node.withState { ($0.address, $0.coversStoredBlob) }
        return covers ? heldVersion(of: address) : nil
    }

    func heldVersion(of blob: BlobAddress) -> ETag? { held.holder(of: blob)?.withState { $0.facts?.etag } }
}

/// The way from one version of a name to the next, until a request names the one that is there.
struct Pursuit {
    let blob: BlobAddress
    private(set) var condition: VersionCondition
    private let start: Duration
    private var sameCount = 0
    /// A refusal that a look does not explain is about something else, if it comes again.
    private static let sameCountMax = 2

    init(of blob: BlobAddress, _ condition: VersionCondition, now: Duration) {
        (self.blob, self.condition, start) = (blob, condition, now)
    }

    func mayGoOn(after refusal: StorageError, at now: Duration, within deadline: Duration) -> Bool {
        refusal.isOvertaken && refusal.code != "SourceConditionNotMet" && condition != .any && now - start < deadline
            && !Task.isCancelled
    }

    mutating func goesOn(with next: VersionCondition) -> Bool {
        sameCount = next == condition ? sameCount + 1 : 0
        condition = next
        return sameCount <= Self.sameCountMax
    }
}

extension FileState {
    /// The version that a commit replaces, as far as it is known here. `holder`: of the unlinked file that has the name
    /// in the store.
    func condition(_ local: DirtyFile, _ holder: ETag?) -> VersionCondition {
        if let etag = facts?.etag ?? holder { return .matches(etag) }
        // Renamed over a file that the store has.
        if case .version(let etag) = local.known { return .matches(etag) }
        return .vacant
    }

    /// Whether the file goes up whatever is there: the last close wins as a whole. One that still lives on bytes of an
    /// older version is good for that version only.
    func mayReplaceAny(_ local: DirtyFile, _ options: TreeOptions) -> Bool {
        options.conflictPolicy == .replace && !mustBeNew && recovery == nil && !local.needsOwnBase
    }
}

extension StorageError {
    /// Another version is there than was named.
    var isOvertaken: Bool { kind == .conditionFailed || kind == .alreadyExists }

    fileprivate static func gone(_ blob: BlobAddress) -> StorageError {
        StorageError(
            .notFound,
            .permanent,
            operation: "Delete Blob",
            resource: blob.description,
            message: "somebody else deleted it"
        )
    }
}
