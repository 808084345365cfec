package import OutputConventions

/// What gathering goes by besides the store.
package struct GatheredSource: Sendable, Hashable {
    /// The one container that credentials reach; `nil`: the account's.
    package var onlyContainer: String?
    /// Those of the configuration.
    package var datastores: [ConfiguredDatastore]

    package init(onlyContainer: String? = nil, datastores: [ConfiguredDatastore] = []) {
        self.onlyContainer = onlyContainer
        self.datastores = datastores
    }
}
