import BlobStorage

/// That an upload is confirmed, and by which blob in which version: another one is another upload.
struct Confirmation: Sendable {
    let upload: ConfirmedUpload
    let indicator: BlobAddress
    let etag: ETag
}

/// An upload that its client has confirmed: jobs and assets refer to it, and nothing of it changes as long as it is there.
package struct ConfirmedUpload: Sendable, Hashable {
    /// Of the asset; `nil` if the client did not say.
    package let name: String?
    package let version: String?
    /// Of the blob that says so: seconds since the epoch.
    package let lastModified: Int64
    /// When this confirmation was found, by the gatherer's clock: what was learned of its files before may be older.
    package let askedAt: Duration
    /// When it was last seen to be the same.
    package let checkedAt: Duration
}

extension Confirmation {
    /// - Parameter known: the confirmation as it was before; the upload is the same as long as that blob is.
    init(_ indicator: BlobAddress, _ properties: BlobProperties, askedAt: Duration, known: Confirmation?) {
        let isKnown = known.map { $0.indicator == indicator && $0.etag == properties.version.etag } ?? false
        let text = { (key: String) in properties.metadata[key].flatMap { $0.isEmpty ? nil : $0 } }
        upload = ConfirmedUpload(
            name: text("name"),
            version: text("version"),
            lastModified: properties.version.lastModified,
            askedAt: isKnown ? known?.upload.askedAt ?? askedAt : askedAt,
            checkedAt: askedAt
        )
        self.indicator = indicator
        etag = properties.version.etag
    }
}
