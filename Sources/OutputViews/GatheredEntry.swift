package import BlobStorage
package import OutputConventions

/// One name of a gathered directory.
package struct GatheredEntry: Sendable {
    package enum Target: Sendable {
        case directory(TreePlace)
        /// The place is a `.file`.
        case file(TreePlace, BlobProperties)
    }

    package let name: String
    package let target: Target

    package init(_ name: String, _ target: Target) {
        (self.name, self.target) = (name, target)
    }

    package init(_ name: String, directory place: TreePlace) {
        self.init(name, .directory(place))
    }
}
