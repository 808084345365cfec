/// Delete Blob, Snapshot Blob.
extension Service {
    func deleteBlob(_ exchange: Exchange) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let snapshot = try exchange.snapshotTime()
        let mode = exchange.headers.nonEmpty("x-ms-delete-snapshots")?.lowercased()
        guard mode == nil || mode == "include" || mode == "only" else {
            throw .invalidHeader("x-ms-delete-snapshots", mode ?? "")
        }
        guard mode == nil || snapshot == nil else { throw .invalidHeader("x-ms-delete-snapshots", mode ?? "") }
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        let deletion = deletion(exchange)
        try exchange.container()
            .withState { (state) throws(Failure) in
                if let snapshot {
                    let blob = try state.blob(name, snapshot: snapshot, now: exchange.now)
                    try conditions.checkWrite(blob)
                    try blob.requireMutable(at: exchange.now)
                    state.remove(snapshot, of: name, deletion)
                    return
                }
                guard let node = state.blobs[name], let blob = node.current else {
                    throw .code(conditions.demandsExistence ? .conditionNotMet : .blobNotFound)
                }
                try conditions.checkWrite(blob)
                try node.lease.checkWrite(leaseID, now: exchange.now, on: .blob)
                try blob.requireMutable(at: exchange.now)
                if state.isHierarchical, blob.isFolder, state.hasEntries(name) { throw .code(.directoryIsNotEmpty) }
                let times = node.snapshots.filter { $0.blob.protection.deletion == nil }.map(\.time)
                guard times.isEmpty || mode != nil else { throw .code(.snapshotsPresent) }
                for time in times { state.remove(time, of: name, deletion) }
                if mode != "only" {
                    if let deletion {
                        var kept = blob
                        kept.protection.deletion = deletion
                        state.commit(.softDeleted(name, kept))
                    }
                    state.commit(.blob(name, nil))
                    if state.blobs[name]?.staged != nil { state.commit(.unstaged(name)) }
                }
            }
        return Response(202, [("x-ms-delete-type-permanent", String(deletion == nil))])
    }

    /// Metadata sent with the request takes the place of the blob's in the snapshot.
    func snapshotBlob(_ exchange: Exchange) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let metadata = try exchange.metadata()
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        let (time, blob) = try exchange.container()
            .withState { (state) throws(Failure) in
                state.settleCopy(name, at: exchange.now, etags: etags)
                var blob = try state.existingBlob(name)
                try state.requireFile(name)
                try conditions.checkWrite(blob)
                try blob.requireKey(exchange.encryption())
                try state.lease(of: name).checkRead(leaseID, now: exchange.now, on: .blob)
                let stamp = etags.next(at: exchange.now)
                if !metadata.entries.isEmpty {
                    blob.metadata = metadata
                    blob.touch(stamp, at: exchange.now)
                }
                let time = Timestamp(ticks: stamp.ticks)
                state.commit(.snapshot(name, time, blob))
                return (time, blob)
            }
        return Response(201, blob.versionHeaders + [("x-ms-snapshot", time.iso8601WithFraction)])
    }
}

extension ContainerState {
    /// Takes a snapshot away, or marks it as deleted where deleted ones are kept.
    fileprivate mutating func remove(_ time: Timestamp, of name: Name, _ deletion: Deletion?) {
        let snapshot = blobs[name]?.snapshots.first { $0.time == time }
        commit(.snapshot(name, time, nil))
        guard let deletion, var blob = snapshot?.blob else { return }
        blob.protection.deletion = deletion
        commit(.snapshot(name, time, blob))
    }
}
