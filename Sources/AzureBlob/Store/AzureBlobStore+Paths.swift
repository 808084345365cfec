package import BlobStorage

/// What a hierarchical namespace does in one step, at the account's Data Lake endpoint.
extension AzureBlobStore {
    /// How the account keeps directories, by the first way of asking that the credentials permit; `nil` if none is.
    ///
    /// Get Account Information says it. Roles for data alone, and most tokens, do not permit that; then a listing that
    /// asks for permissions, which a flat account refuses, tells as much to whoever may list.
    ///
    /// - Parameter container: one to ask in: the only one that there is a right to, or any.
    package func detectNamespace(container: String?) async throws(StorageError) -> Namespace? {
        do throws(StorageError) {
            return try await engine.call(.accountInformation(container: container)) { answer throws(StorageError) in
                answer.head["x-ms-is-hns-enabled"] == "true" ? .hierarchical : .flat
            }
        } catch {
            guard error.isAnswer else { throw error }
        }
        guard let container else { return nil }
        do throws(StorageError) {
            return try await engine.call(.listPermissions(container: container)) { _ throws(StorageError) in
                .hierarchical
            }
        } catch {
            guard error.isAnswer else { throw error }
            return error.code == "InvalidQueryParameterValue" ? .flat : nil
        }
    }

    package func makeDirectory(
        _ directory: BlobAddress,
        metadata: BlobMetadata
    ) async throws(StorageError) -> BlobVersion {
        let mark = UploadMark()
        let request = StorageRequest.createDirectory(directory, metadata: mark.added(to: metadata))
        try requireDataLake(request)
        return try await engine.call(
            request,
            read: RequestEngine.version(request),
            recover: engine.recovery(of: directory, .mark(mark))
        )
    }

    package func removeDirectory(_ directory: BlobAddress, recursively: Bool) async throws(StorageError) {
        var continuation: String?
        repeat {
            let request = StorageRequest.deletePath(
                directory,
                recursively: recursively,
                continuation: continuation
            )
            try requireDataLake(request)
            continuation = try await engine.call(
                request,
                read: { answer throws(StorageError) in answer.head.continuation },
                recover: { error throws(StorageError) in error.kind == .notFound ? .done(nil) : .refused }
            )
        } while continuation != nil
    }

    package func renamePath(
        _ source: BlobAddress,
        _ path: RenamedPath,
        to destination: BlobAddress,
        condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion {
        let (identity, sourceCondition): (ETag, VersionCondition)
        switch path {
        case .file(let etag): (identity, sourceCondition) = (etag, .matches(etag))
        case .directory(let etag?): (identity, sourceCondition) = (etag, .any)
        case .directory(nil):
            (identity, sourceCondition) = (try await engine.properties(of: source).properties.version.etag, .any)
        }
        func attempt() async throws(StorageError) -> BlobVersion? {
            try await rename(source, identity, sourceCondition, to: destination, condition)
        }
        do throws(StorageError) {
            if let version = try await attempt() { return version }
        } catch {
            guard error.code == "RenameDestinationParentPathNotFound", let slash = destination.name.lastIndex(of: "/")
            else { throw error }
            try await makeParent(
                BlobAddress(container: destination.container, name: String(destination.name[..<slash]))
            )
            if let version = try await attempt() { return version }
        }
        return try await engine.properties(of: destination).properties.version
    }

    private func makeParent(_ directory: BlobAddress) async throws(StorageError) {
        do throws(StorageError) { _ = try await makeDirectory(directory, metadata: [:]) } catch {
            guard error.kind == .alreadyExists else { throw error }
        }
    }

    /// `nil` where the answer does not tell the version.
    private func rename(
        _ source: BlobAddress,
        _ identity: ETag,
        _ sourceCondition: VersionCondition,
        to destination: BlobAddress,
        _ condition: VersionCondition
    ) async throws(StorageError) -> BlobVersion? {
        var continuation: String?
        var version: BlobVersion?
        repeat {
            let request = StorageRequest.renamePath(
                source,
                sourceCondition: sourceCondition,
                to: destination,
                condition: condition,
                continuation: continuation
            )
            try requireDataLake(request)
            (version, continuation) = try await engine.call(
                request,
                read: { answer throws(StorageError) in (answer.head.version, answer.head.continuation) },
                recover: { error throws(StorageError) in
                    switch error.kind {
                    // The source is no longer there, or something is at the new name: this very path, perhaps.
                    case .notFound, .conditionFailed, .alreadyExists: break
                    default: return .refused
                    }
                    guard let found = try await self.engine.head(ifPresent: destination),
                        found.properties.version.etag == identity,
                        try await self.engine.head(ifPresent: source) == nil
                    else { return .refused }
                    return .done((found.properties.version, nil))
                }
            )
        } while continuation != nil
        return version
    }

    private func requireDataLake(_ request: StorageRequest) throws(StorageError) {
        guard engine.authorizer.hasDataLake else {
            throw StorageError(.invalid, .permanent, request, "the account's Data Lake endpoint is not known")
        }
    }
}

extension ResponseHead {
    /// Where an operation on a directory goes on in another request.
    fileprivate var continuation: String? { self["x-ms-continuation"].flatMap { $0.isEmpty ? nil : $0 } }
}

extension StorageError {
    /// Whether somebody answered, and only did not do what was asked.
    fileprivate var isAnswer: Bool { persistence == .permanent && status != nil && kind != .cancelled }
}
