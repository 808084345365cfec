internal import BlobStorage

/// Copy Blob, which the service carries out behind its answer.
extension AzureBlobStore {
    func copyBehind(
        _ source: BlobAddress,
        _ sourceCondition: VersionCondition,
        _ destination: BlobAddress,
        _ metadata: BlobMetadata,
        _ condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let mark = UploadMark()
        let request = StorageRequest.copyBlob(
            from: source,
            to: destination,
            sourceCondition: sourceCondition,
            metadata: mark.added(to: metadata),
            condition: condition
        )
        let finished: BlobVersion? = try await engine.call(
            request,
            read: { answer throws(StorageError) in
                answer.head["x-ms-copy-status"] == "success" ? answer.head.version : nil
            },
            recover: { error throws(StorageError) in
                switch error.kind {
                case .alreadyExists, .conditionFailed: break
                // Begun by an attempt that nobody heard of.
                case .conflict where error.code == "PendingCopyOperation": break
                default: return .refused
                }
                let found = try await self.engine.head(ifPresent: destination)
                return found.map { mark.isOn($0.head) } == true ? .done(nil) : .refused
            }
        )
        if let finished { return finished }
        return try await end(ofCopyTo: destination, request, mark)
    }

    /// Waits for the copy: asks after 0.1 s, then half as often each time, up to every 5 s.
    private func end(
        ofCopyTo destination: BlobAddress,
        _ request: StorageRequest,
        _ mark: UploadMark
    ) async throws(StorageError) -> BlobVersion {
        let start = engine.surroundings.uptime()
        var pause = Duration.milliseconds(100)
        while engine.surroundings.uptime() - start < engine.configuration.commitDeadline {
            let found = try await engine.properties(of: destination)
            guard mark.isOn(found.head) else {
                throw StorageError(.conditionFailed, .permanent, request, "the copy was replaced while it was made")
            }
            switch found.properties.copyStatus {
            case "pending":
                do { try await engine.surroundings.sleep(pause) } catch { throw engine.cancelled(request) }
                pause = min(pause * 2, .seconds(5))
            case "success", nil:
                return found.properties.version
            case let status?:
                // A copy that failed leaves a blob without bytes, which must not be taken for the copy.
                try await delete(destination, condition: .matches(found.properties.version.etag))
                throw StorageError(.unavailable, .persistent, request, "the service gave the copy up: \(status)")
            }
        }
        throw StorageError(.unavailable, .persistent, request, "the copy is not finished yet")
    }
}
