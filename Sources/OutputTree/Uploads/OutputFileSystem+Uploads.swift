import BlobReading
import BlobStorage
import FileSystemModel
import Glibc
import OutputConventions
import OutputViews

/// Azure ML's uploads. One that its client has confirmed is referred to by jobs and assets, by its path: what is known of it
/// is good for an hour, and it is not changed here.
///
/// Whether an upload is confirmed costs a request the first time, and once an hour. Of blobs that are in no folder of uploads
/// their names say so, and nobody is asked.
extension OutputFileSystem {
    /// For how long what was learned of a file in a confirmed upload is good.
    static let settledValidity = Gatherer.confirmationValidity
    /// How long an upload that was not confirmed is taken for that where confirmation would only save a request.
    private static let settlingPatience = Duration.seconds(60)

    func isInUpload(_ address: BlobAddress) -> Bool { gatherer.names.isInUpload(address) }

    // MARK: What may be changed

    /// EPERM for what a confirmed upload holds, whichever path leads there.
    ///
    /// - Parameter address: of a blob, or of a directory by what its blobs' names begin with.
    func requireUnconfirmed(_ address: BlobAddress, _ operation: String) async throws(FileSystemError) {
        let upload: ConfirmedUpload?
        do throws(StorageError) {
            upload = try await gatherer.upload(of: address, validity: options.attributeValidity)
        } catch { throw failure(error, operation, address.description) }
        guard upload != nil else { return }
        throw refused(address, operation)
    }

    /// EPERM for what a confirmed upload holds, unless it is named as it is in the container: somebody must be able to take
    /// an upload away that nobody needs any more.
    func requireRemovable(
        _ address: BlobAddress,
        in directory: TreePlace,
        _ operation: String
    ) async throws(FileSystemError) {
        if case .containers = directory.outputView { return }
        if gatherer.names.holdsUploads(address.name, in: address.container) { throw refused(address, operation) }
        try await requireUnconfirmed(address, operation)
    }

    private func refused(_ address: BlobAddress, _ operation: String) -> FileSystemError {
        let reason =
            "\(address) belongs to a confirmed upload, which jobs and assets refer to: below containers/ it can be removed"
        let refusal = FileSystemError(errno: EPERM, reason)
        report(refusal, operation, address.description)
        return refusal
    }

    // MARK: What need not be asked for

    /// Whether what was learned of a blob then is good for longer than of others, as far as that is known.
    func isSettled(_ address: BlobAddress, learnedAt: Duration) -> Bool {
        settledValidity(of: address, learnedAt: learnedAt) > .zero
    }

    /// For how long from now on what was learned of a blob then is good, because its upload is known to be confirmed; not more
    /// than zero where nothing of that kind is known, or not any more.
    func settledValidity(of address: BlobAddress, learnedAt: Duration) -> Duration {
        guard let upload = gatherer.knownUpload(of: address), learnedAt >= upload.askedAt else { return .zero }
        return min(learnedAt, upload.checkedAt) + Self.settledValidity - clock.monotonic()
    }

    func isSettled(_ node: FileNode) -> Bool {
        let (address, learnedAt, isOurs) = node.withState {
            ($0.address, $0.learnedAt, $0.facts == nil || $0.local != nil || $0.isUnlinked)
        }
        return !isOurs && isSettled(address, learnedAt: learnedAt)
    }

    /// Whether the file can be opened for reading without asking the store which version there is. Where it is not known, or
    /// not any more, whether its upload is confirmed, that is asked.
    func isSettled(_ node: FileNode, _ flags: OpenFlags) async -> Bool {
        guard !flags.allowsWriting, !flags.truncates else { return false }
        let address = node.address
        // Where that cannot be told, the file is asked for as others are.
        let upload = try? await gatherer.upload(
            of: address,
            validity: Self.settlingPatience,
            confirmedValidity: Self.settledValidity
        )
        guard upload != nil else { return false }
        return node.withState { file in
            guard file.address == address, isSettled(address, learnedAt: file.learnedAt), let facts = file.facts,
                !facts.isArchived, file.local == nil
            else { return false }
            if file.reader == nil {
                file.reader = BlobReader(cache: cache, blob: file.address, properties: facts.version)
            }
            return true
        }
    }

    /// Before a file is asked for: whether its upload is still the confirmed one that it was an hour ago, if it was. Then one
    /// request for the upload, and one for each file, are good for the next hour.
    func renewConfirmation(of address: BlobAddress) async {
        guard gatherer.wasConfirmed(address) else { return }
        _ = try? await gatherer.upload(
            of: address,
            validity: Self.settlingPatience,
            confirmedValidity: Self.settledValidity
        )
    }

    /// The store says otherwise of a blob: somebody took its upload away, or made it anew. The next open asks.
    func unsettle(_ address: BlobAddress) { gatherer.forgetUploads(of: address) }

    // MARK: Attributes

    static let uploadAttributePrefix = "user.azureml."

    func hasUploadAttributes(_ address: BlobAddress) -> Bool {
        gatherer.names.uri(of: address.name, in: address.container) != nil
    }

    /// What Azure ML knows of a blob, or of a directory by what its blobs' names begin with, as extended attributes. Costs a
    /// request for the first file of an upload, and none for others.
    func uploadAttributes(of address: BlobAddress) async throws(FileSystemError) -> [(name: String, value: [UInt8])] {
        guard let uri = gatherer.names.uri(of: address.name, in: address.container) else { return [] }
        var attributes = [("uri", uri)]
        if let folder = gatherer.names.uploads(of: address.name, in: address.container).first {
            let upload: ConfirmedUpload?
            do throws(StorageError) {
                upload = try await gatherer.upload(in: folder, validity: options.attributeValidity)
            } catch { throw failure(error, "getxattr", address.description) }
            attributes.append(("upload_status", upload == nil ? "unconfirmed" : "completed"))
            if let name = upload?.name { attributes.append(("asset_name", name)) }
            if let version = upload?.version { attributes.append(("asset_version", version)) }
            if let hash = folder.objectHash { attributes.append(("object_hash", hash)) }
        }
        return attributes.map { (Self.uploadAttributePrefix + $0.0, Array($0.1.utf8)) }
    }
}
