/// A place for data that has a name by configuration, as Azure ML's datastores have one: a container, or a folder in one,
/// of this account or of another.
package struct ConfiguredDatastore: Sendable, Hashable {
    /// Of letters, digits and underscores.
    package let name: String
    /// Under which the mount's store has it: its URL where the datastore has an account of its own (`ForeignContainer`), which
    /// is no name that a container can have; else the container's own.
    package let container: String
    /// What the names of its blobs begin with: empty, or ends with a slash.
    package let prefix: String

    package init(name: String, container: String, prefix: String) {
        (self.name, self.container, self.prefix) = (name, container, prefix)
    }
}
