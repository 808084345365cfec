package import BlobStorage
import Synchronization

extension MemoryStore {
    package func properties(of blob: BlobAddress) async throws(StorageError) -> BlobProperties {
        try await perform(.properties, on: blob.description) { [self] (failures) throws(StorageError) in
            try state.withLock { (state) throws(StorageError) in
                try state.existing(blob, failures).readable(failures).properties
            }
        }
    }

    package func putBlob(
        _ blob: BlobAddress,
        _ body: UploadBody,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await perform(.putBlob, on: blob.description) { [self] (failures) throws(StorageError) in
            let bytes = try body.bytes(failures)
            traffic.add(bytes.count, ordering: .relaxed)
            return try replace(blob, type: .block, headers: headers, condition: condition, failures) { _ in (bytes, [])
            }
        }
    }

    package func createAppendBlob(
        _ blob: BlobAddress,
        headers: BlobHeaders,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await perform(.createAppendBlob, on: blob.description) { [self] (failures) throws(StorageError) in
            try replace(blob, type: .append, headers: headers, condition: condition, failures) { _ in ([], []) }
        }
    }

    /// Puts new content in the place of what is there. `content` gives it, from the blob as it is.
    func replace(
        _ blob: BlobAddress,
        type: BlobType,
        headers: BlobHeaders,
        condition: VersionCondition,
        _ failures: Failures,
        content: (StoredBlob?) throws(StorageError) -> (bytes: [UInt8], blocks: [StoredBlob.StoredBlock])
    ) throws(StorageError) -> BlobVersion {
        try NameRules.check(blobName: blob.name, failures)
        try NameRules.check(headers.metadata, failures)
        return try state.withLock { (state) throws(StorageError) in
            let stored = try state.blob(blob, failures)
            let old = stored?.committed
            try condition.check(old, failures)
            try old?.checkLease(failures)
            try old?.checkFile(failures)
            try old?.check(type, failures)
            if namespace == .hierarchical { try state.makeParents(of: blob, failures) }
            let (bytes, blocks) = try content(stored)
            let version = state.newVersion()
            // A blob that is put anew is born anew; a new block list changes the one that is there.
            let creationTime = blocks.isEmpty ? nil : old?.properties.creationTime
            var properties = BlobProperties(
                version: version,
                length: UInt64(bytes.count),
                type: type,
                creationTime: creationTime ?? state.now
            )
            properties.set(headers)
            properties.metadata = headers.metadata
            if type == .append { properties.committedBlockCount = 0 }
            let committed = StoredBlob.Committed(properties: properties, bytes: bytes, blocks: blocks)
            state.blobs[blob] = StoredBlob(committed: committed)
            return version
        }
    }

    package func append(
        _ body: UploadBody,
        to blob: BlobAddress,
        at position: UInt64
    ) async throws(StorageError) -> AppendResult {
        try await perform(.append, on: blob.description) { [self] (failures) throws(StorageError) in
            guard body.byteCount <= 4 << 20 else { throw failures(.tooLarge, 413, "RequestBodyTooLarge") }
            guard body.byteCount > 0 else { throw failures(.invalid, 400, "InvalidHeaderValue") }
            let bytes = try body.bytes(failures)
            return try change(blob, condition: .any, failures) { (committed, version) throws(StorageError) in
                try committed.check(.append, failures)
                guard !committed.properties.isSealed else { throw failures(.conflict, 409, "BlobIsSealed") }
                guard position == committed.bytes.count else {
                    throw failures(.conditionFailed, 412, "AppendPositionConditionNotMet")
                }
                let blockCount = (committed.properties.committedBlockCount ?? 0) + 1
                guard blockCount <= 50_000 else { throw failures(.tooLarge, 409, "BlockCountExceedsLimit") }
                committed.bytes += bytes
                committed.properties.length = UInt64(committed.bytes.count)
                committed.properties.committedBlockCount = blockCount
                return AppendResult(version: version, offset: position, committedBlockCount: blockCount)
            }
        }
    }

    package func setMetadata(
        _ metadata: BlobMetadata,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await perform(.setMetadata, on: blob.description) { [self] (failures) throws(StorageError) in
            try NameRules.check(metadata, failures)
            return try change(blob, condition: condition, failures) { committed, version in
                committed.properties.metadata = metadata
                return version
            }
        }
    }

    package func setProperties(
        _ headers: BlobHeaders,
        of blob: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        try await perform(.setProperties, on: blob.description) { [self] (failures) throws(StorageError) in
            try change(blob, condition: condition, failures) { committed, version in
                committed.properties.set(headers)
                return version
            }
        }
    }

    /// Changes a blob that has to be there, and gives it a new version.
    private func change<Value: Sendable>(
        _ blob: BlobAddress,
        condition: VersionCondition,
        _ failures: Failures,
        _ change: (inout StoredBlob.Committed, BlobVersion) throws(StorageError) -> Value
    ) throws(StorageError) -> Value {
        try state.withLock { (state) throws(StorageError) in
            var committed = try state.existing(blob, condition, failures)
            try committed.checkLease(failures)
            let isDirectory = committed.properties.isDirectory
            defer { if isDirectory { state.blobs[blob]?.committed?.properties.metadata["hdi_isfolder"] = "true" } }
            let version = state.newVersion()
            let value = try change(&committed, version)
            committed.properties.version = version
            state.blobs[blob]?.committed = committed
            return value
        }
    }

    package func delete(_ blob: BlobAddress, condition: VersionCondition) async throws(StorageError) {
        try await perform(.delete, on: blob.description) { [self] (failures) throws(StorageError) in
            try state.withLock { (state) throws(StorageError) in
                let committed = try state.existing(blob, failures)
                try condition.check(committed, failures)
                try committed.checkLease(failures)
                if committed.properties.isDirectory, state.hasEntries(blob) {
                    throw failures(.notEmpty, 409, "DirectoryIsNotEmpty")
                }
                state.blobs[blob] = nil
            }
        }
    }

    package func copy(
        _ source: BlobAddress,
        sourceCondition: VersionCondition,
        known: BlobProperties?,
        to destination: BlobAddress,
        metadata: BlobMetadata?,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobProperties {
        let sourceCondition = known.map { .matches($0.version.etag) } ?? sourceCondition
        return try await perform(.copy, on: destination.description) { [self] (failures) throws(StorageError) in
            try NameRules.check(blobName: destination.name, failures)
            if let metadata { try NameRules.check(metadata, failures) }
            return try state.withLock { (state) throws(StorageError) in
                var copied = try state.existing(source, sourceCondition, failures)
                let old = try state.blob(destination, failures)?.committed
                try condition.check(old, failures)
                try old?.checkLease(failures)
                try old?.check(.block, failures)
                try old?.checkFile(failures)
                try copied.checkFile(failures)
                if namespace == .hierarchical { try state.makeParents(of: destination, failures) }
                copied.properties.type = .block
                copied.properties.committedBlockCount = nil
                guard !copied.properties.isArchived else { throw failures(.archived, 409, "BlobArchived") }
                copied.properties.version = state.newVersion()
                copied.properties.creationTime = state.now
                copied.properties.leaseState = nil
                if let metadata { copied.properties.metadata = metadata }
                state.blobs[destination] = StoredBlob(committed: copied)
                return copied.properties
            }
        }
    }
}

extension BlobProperties {
    /// Replaces the content headers; what is not given is cleared, the type to the service's default.
    mutating func set(_ headers: BlobHeaders) {
        contentType = headers.contentType ?? "application/octet-stream"
        contentEncoding = headers.contentEncoding
        contentLanguage = headers.contentLanguage
        contentDisposition = headers.contentDisposition
        cacheControl = headers.cacheControl
        contentMD5 = headers.contentMD5
    }
}
