/// Deleted blobs that are kept for a while: the account's `DeleteRetentionPolicy`, and Undelete Blob.
extension Service {
    /// The mark that a blob deleted now gets; nil where deleting is for good.
    func deletion(_ exchange: Exchange) -> Deletion? {
        exchange.address.account.retentionDays.map {
            Deletion(time: exchange.now, ends: exchange.now.adding(seconds: Int64($0) * 86_400))
        }
    }

    /// Keeps what a write is about to replace, or what lies deleted under its name, as a deleted snapshot.
    func retainReplaced(_ exchange: Exchange, _ state: inout ContainerState, _ name: Name) {
        guard let node = state.blobs[name] else { return }
        if let deleted = node.deleted {
            state.commit(.snapshot(name, Timestamp(ticks: etags.next(at: exchange.now).ticks), deleted))
            state.commit(.softDeleted(name, nil))
        }
        guard let deletion = deletion(exchange), var replaced = node.current else { return }
        replaced.protection.deletion = deletion
        state.commit(.snapshot(name, Timestamp(ticks: etags.next(at: exchange.now).ticks), replaced))
    }

    /// Brings a deleted blob back, with its deleted snapshots; a blob that is there stays as it is.
    func undeleteBlob(_ exchange: Exchange) throws(Failure) -> Response {
        let name = try exchange.blobName()
        try exchange.container()
            .withState { (state) throws(Failure) in
                guard let node = state.blobs[name] else { throw .code(.blobNotFound) }
                let deleted = node.deleted.flatMap { $0.isRetained(at: exchange.now) ? $0 : nil }
                guard node.current != nil || deleted != nil else { throw .code(.blobNotFound) }
                for snapshot in node.snapshots where snapshot.blob.protection.deletion != nil {
                    guard snapshot.blob.isRetained(at: exchange.now) else { continue }
                    var blob = snapshot.blob
                    blob.protection.deletion = nil
                    state.commit(.snapshot(name, snapshot.time, nil))
                    state.commit(.snapshot(name, snapshot.time, blob))
                }
                guard var blob = deleted else { return }
                blob.protection.deletion = nil
                state.commit(.blob(name, blob))
                state.commit(.softDeleted(name, nil))
            }
        return Response(200)
    }
}
