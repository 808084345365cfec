package import BlobStorage
import Synchronization

extension MemoryStore {
    package func createContainer(_ name: String, metadata: BlobMetadata) async throws(StorageError) -> BlobVersion {
        try await perform(.createContainer, on: name) { [self] (failures) throws(StorageError) in
            guard NameRules.isContainerName(name) else { throw failures(.invalid, 400, "InvalidResourceName") }
            try NameRules.check(metadata, failures)
            return try state.withLock { (state) throws(StorageError) in
                guard state.containers[name] == nil else {
                    throw failures(.alreadyExists, 409, "ContainerAlreadyExists")
                }
                let version = state.newVersion()
                state.containers[name] = ContainerProperties(name: name, version: version, metadata: metadata)
                return version
            }
        }
    }

    package func properties(ofContainer name: String) async throws(StorageError) -> ContainerProperties {
        try await perform(.containerProperties, on: name) { [self] (failures) throws(StorageError) in
            guard let properties = state.withLock({ $0.containers[name] }) else {
                throw failures(.notFound, 404, "ContainerNotFound")
            }
            return properties
        }
    }

    package func setMetadata(_ metadata: BlobMetadata, ofContainer name: String) async throws(StorageError)
        -> BlobVersion
    {
        try await perform(.setContainerMetadata, on: name) { [self] (failures) throws(StorageError) in
            try NameRules.check(metadata, failures)
            return try state.withLock { (state) throws(StorageError) in
                guard state.containers[name] != nil else { throw failures(.notFound, 404, "ContainerNotFound") }
                let version = state.newVersion()
                state.containers[name] = ContainerProperties(name: name, version: version, metadata: metadata)
                return version
            }
        }
    }

    package func deleteContainer(_ name: String, unmodifiedSince: Int64?) async throws(StorageError) {
        try await perform(.deleteContainer, on: name) { [self] (failures) throws(StorageError) in
            try state.withLock { (state) throws(StorageError) in
                guard let container = state.containers[name] else {
                    throw failures(.notFound, 404, "ContainerNotFound")
                }
                if let unmodifiedSince, container.version.lastModified > unmodifiedSince {
                    throw failures(.conditionFailed, 412, "ConditionNotMet")
                }
                state.containers[name] = nil
                state.blobs = state.blobs.filter { $0.key.container != name }
            }
        }
    }
}
