package import BlobStorage
package import OutputConventions

/// Whether one upload is confirmed.
///
/// One of its blobs says so in its metadata. That blob, in that version, is remembered: as long as it is the same, the upload
/// is, and one request tells.
extension Gatherer {
    /// For how long it is good that an upload is confirmed, and for how long at most an upload that somebody else takes away,
    /// or makes anew, is taken for the one that was there.
    package static let confirmationValidity = Duration.seconds(3600)

    /// What is known of the uploads that a blob belongs to, without asking anybody; `nil` if none of them is confirmed.
    package func knownUpload(of blob: BlobAddress) -> ConfirmedUpload? {
        for folder in names.uploads(of: blob.name, in: blob.container) {
            if let known = knownUpload(in: folder) { return known }
        }
        return nil
    }

    /// Whether an upload that the blob belongs to was confirmed when it was last looked at, however long ago.
    package func wasConfirmed(_ blob: BlobAddress) -> Bool {
        names.uploads(of: blob.name, in: blob.container).contains { folder in
            if case .confirmed? = memory[folder] { true } else { false }
        }
    }

    func knownUpload(in folder: UploadFolder) -> ConfirmedUpload? {
        guard case .confirmed(let known)? = memory[folder],
            known.upload.checkedAt > memory.uptime() - Self.confirmationValidity
        else { return nil }
        return known.upload
    }

    /// The upload that a blob belongs to, if it was confirmed; `nil` if it was not, or if these credentials cannot tell.
    ///
    /// - Parameters:
    ///   - blob: or a directory by what its blobs' names begin with.
    ///   - validity: how old the answer may be.
    ///   - confirmedValidity: the same, where it is known to be confirmed.
    package func upload(
        of blob: BlobAddress,
        validity: Duration,
        confirmedValidity: Duration? = nil
    ) async throws(StorageError) -> ConfirmedUpload? {
        for folder in names.uploads(of: blob.name, in: blob.container) {
            let upload = try await upload(in: folder, validity: validity, confirmedValidity: confirmedValidity)
            if let upload { return upload }
        }
        return nil
    }

    /// As above, of one folder.
    package func upload(
        in folder: UploadFolder,
        validity: Duration,
        confirmedValidity: Duration? = nil
    ) async throws(StorageError) -> ConfirmedUpload? {
        let (askedAt, generation) = (memory.uptime(), memory.generation)
        switch memory[folder] {
        case .confirmed(let known):
            if known.upload.checkedAt > askedAt - (confirmedValidity ?? validity) { return known.upload }
        case .unconfirmed(let then): if then > askedAt - validity { return nil }
        case nil: break
        }
        let found: (blob: BlobAddress, properties: BlobProperties)?
        do throws(StorageError) { found = try await indicator(of: folder) } catch {
            guard error.kind == .denied || error.kind == .notFound else { throw error }
            found = nil
        }
        guard let found else {
            memory.remember(.unconfirmed(askedAt: askedAt), of: folder, generation: generation)
            return nil
        }
        return remember(found.blob, found.properties, of: folder, askedAt: askedAt, generation: generation)
    }

    /// A file or directory is not what it was: what is known of its uploads may be about what is gone.
    package func forgetUploads(of blob: BlobAddress) {
        if names.holdsUploads(blob.name, in: blob.container) { return memory.forgetUploads() }
        let folders = names.uploads(of: blob.name, in: blob.container)
        if !folders.isEmpty { memory.forget(folders) }
    }

    func remember(
        _ indicator: BlobAddress,
        _ properties: BlobProperties,
        of folder: UploadFolder,
        askedAt: Duration,
        generation: UInt64
    ) -> ConfirmedUpload {
        var known: Confirmation?
        if case .confirmed(let before)? = memory[folder] { known = before }
        let confirmation = Confirmation(indicator, properties, askedAt: askedAt, known: known)
        memory.remember(.confirmed(confirmation), of: folder, generation: generation)
        return confirmation.upload
    }

    /// The blob that says that the upload is complete: the one that was known, else any, since the client confirms the first
    /// that it sent, in an order of its own.
    private func indicator(
        of folder: UploadFolder
    ) async throws(StorageError) -> (blob: BlobAddress, properties: BlobProperties)? {
        if case .confirmed(let known)? = memory[folder], let properties = try await properties(of: known.indicator),
            properties.version.etag == known.etag
        {
            return (known.indicator, properties)
        }
        // Without the slash: in a hierarchical namespace the client confirms the directory, which is listed first then. As a
        // rule one of the first blobs is it, and a folder may have a million.
        let directory = String(Substring(folder.prefix.utf8.dropLast()))
        var query = BlobQuery(container: folder.container, prefix: directory, includesMetadata: true, pageSize: 16)
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            if let found = indicator(of: folder, among: page.items) { return found }
            marker = page.next
            if !page.items.isEmpty { break }
        } while marker != nil
        guard marker != nil else { return nil }
        // Others may stand between, whose names only begin so.
        query.prefix = folder.prefix
        query.pageSize = nil
        marker = nil
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            if let found = indicator(of: folder, among: page.items) { return found }
            marker = page.next
        } while marker != nil
        return nil
    }

    private func indicator(
        of folder: UploadFolder,
        among items: [ListedItem]
    ) -> (blob: BlobAddress, properties: BlobProperties)? {
        for case .blob(let name, let properties) in items where properties.isConfirmation {
            let isDirectory = name.utf8.elementsEqual(folder.prefix.utf8.dropLast()) && properties.marksDirectory(name)
            if isDirectory || name.utf8.starts(with: folder.prefix.utf8) {
                return (BlobAddress(container: folder.container, name: name), properties)
            }
        }
        return nil
    }
}

extension BlobProperties {
    var isConfirmation: Bool { metadata["upload_status"] == "completed" }
}

extension ConfirmedUpload {
    /// As people name the asset; `nil` where the client did not.
    var title: String? { name.map { name in version.map { "\(name)@\($0)" } ?? name } }
}
