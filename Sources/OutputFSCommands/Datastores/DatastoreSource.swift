internal import AzureBlob
internal import BlobStorage
internal import OutputConventions

/// A datastore of the configuration, with no question left open but whether it answers.
struct DatastoreSource: Sendable {
    let name: String
    /// The account and what opens it; `nil`: the command's own.
    var source: StorageSource?
    let container: String
    /// Empty, or ends with a slash.
    let prefix: String

    /// As trees take it.
    var configured: ConfiguredDatastore {
        ConfiguredDatastore(name: name, container: foreign.map { "\($0)" } ?? container, prefix: prefix)
    }

    /// Where it has an account of its own.
    var foreign: ForeignContainer? {
        source.map { ForeignContainer(endpoint: "\($0.account.endpoint)", name: container) }
    }
}

extension StorageSource {
    /// The account, or the datastore's, that a failure of the commands' store is of.
    func part(of error: StorageError) -> StorageSource {
        let found = datastores.first { datastore in
            datastore.foreign.map { "\(error.resource)/".utf8.starts(with: "\($0)/".utf8) } ?? false
        }
        return found?.source ?? self
    }
}
