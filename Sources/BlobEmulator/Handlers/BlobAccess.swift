/// Finding blobs under the container's lock, and the steps that all writes share.
extension ContainerState {
    /// The blob, or the snapshot of it, that a read is about.
    func blob(_ name: Name, snapshot: Timestamp?, now: Timestamp) throws(Failure) -> Blob {
        guard let node = blobs[name] else { throw .code(.blobNotFound) }
        if let snapshot {
            guard let found = node.snapshots.first(where: { $0.time == snapshot && $0.blob.protection.deletion == nil })
            else { throw .code(.blobNotFound) }
            return found.blob.rehydrated(at: now)
        }
        guard let blob = node.current else { throw .code(.blobNotFound) }
        return blob.rehydrated(at: now)
    }

    /// The blob that a write is about; a copy that was pending is settled first.
    func existingBlob(_ name: Name) throws(Failure) -> Blob {
        guard let blob = blobs[name]?.current else { throw .code(.blobNotFound) }
        return blob
    }

    func lease(of name: Name) -> Lease {
        blobs[name]?.lease ?? Lease()
    }

    /// Makes a copy that has pended for long enough a finished one.
    mutating func settleCopy(_ name: Name, at now: Timestamp, etags: ETagSource) {
        guard var blob = blobs[name]?.current, var copy = blob.copy, copy.status == .pending,
            let settles = copy.settles, settles <= now
        else { return }
        copy.status = .success
        copy.copied = copy.total
        copy.completed = settles
        blob.copy = copy
        blob.etag = etags.next(at: now)
        blob.modified = now
        commit(.blob(name, blob))
    }

    /// What every write to a blob asks first: the lease, a hold or policy, and that no copy into it is under way.
    func checkWrite(_ name: Name, leaseID: String?, now: Timestamp) throws(Failure) {
        guard let node = blobs[name] else {
            if leaseID != nil { throw .code(.leaseNotPresentWithBlobOperation) }
            return
        }
        try node.lease.checkWrite(leaseID, now: now, on: .blob)
        try node.current?.requireMutable(at: now)
        if node.current?.copy?.status == .pending { throw .code(.pendingCopyOperation) }
    }

    /// Puts a new version of a blob in place.
    mutating func replace(_ name: Name, with blob: Blob, now: Timestamp) {
        makeParents(of: name, blob.etag, at: now)
        commit(.blob(name, blob))
        noteWrite(name, now: now)
    }

    /// A write past an expired or broken lease ends it.
    mutating func noteWrite(_ name: Name, now: Timestamp) {
        let lease = lease(of: name)
        let next = lease.afterWrite(at: now)
        if next != lease { commit(.lease(name, next)) }
    }
}

extension Blob {
    /// `409 InvalidBlobType` for an operation on another type.
    func require(_ kind: BlobKind) throws(Failure) {
        guard self.kind == kind else { throw .code(.invalidBlobType) }
    }

    /// Gives the blob a new version after a change of its content, properties or metadata.
    mutating func touch(_ etag: ETag, at now: Timestamp) {
        self.etag = etag
        modified = now
    }

    var versionHeaders: [(name: String, value: String)] {
        [("ETag", etag.quoted), ("Last-Modified", modified.httpDate)]
    }
}
