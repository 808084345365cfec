internal import BlobStorage
package import OutputConventions

/// A job, run or loop, and where its outputs are.
package struct Job: Sendable, Hashable {
    /// Blobs that belong to a job.
    package struct Place: Sendable, Hashable {
        package let container: String
        /// What the blobs' names begin with: empty for a whole container, else with a slash at its end. Of a single blob
        /// its name.
        package let prefix: String
        package let isBlob: Bool

        package init(container: String, prefix: String = "", isBlob: Bool = false) {
            (self.container, self.prefix, self.isBlob) = (container, prefix, isBlob)
        }

        package var isContainer: Bool { prefix.isEmpty }

        package static func == (one: Place, other: Place) -> Bool {
            one.blob == other.blob && one.isBlob == other.isBlob
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(blob) }

        /// Compared by its bytes.
        private var blob: BlobAddress { BlobAddress(container: container, name: prefix) }

        /// In the tree; `nil` where that has no name for it.
        package var path: String? {
            let tree = TreePlace.container(.containers, container: container)
            let below: ArraySlice<String>? =
                switch (isContainer, isBlob) {
                case (true, _): []
                case (false, true): tree.path(to: prefix, views: [.containers])?[...]
                // The name of a blob in the folder, and that blob left out.
                case (false, false): tree.path(to: prefix + "-", views: [.containers])?.dropLast()
                }
            return below.map { (["containers", container] + $0).joined(separator: "/") }
        }

        package var description: String { isContainer ? container : "\(container)/\(prefix)" }
    }

    package let convention: JobConvention
    package let id: String
    package let places: [Place]
    /// When the container was made or its settings changed, in seconds since 1970. Writing blobs does not change it.
    package var containerModified: Int64?

    package init(_ convention: JobConvention, id: String, places: [Place], containerModified: Int64? = nil) {
        (self.convention, self.id, self.places) = (convention, id, places)
        self.containerModified = containerModified
    }

    /// As it is in the tree.
    package var path: String { "\(convention.folder)/\(id)" }
}

/// A job as people name it: by its id, or by its folder in the tree.
package struct JobName: Sendable, Hashable {
    package let id: String
    /// `nil`: any.
    package let convention: JobConvention?

    package init(id: String, convention: JobConvention?) { (self.id, self.convention) = (id, convention) }

    package init(_ job: Job) { self.init(id: job.id, convention: job.convention) }

    /// `film`, `jobs/film`, `/runs/quiet_cow_1`, `foreach/job20261121`; `nil` for what cannot be a job.
    package init?(_ text: String) {
        let names = text.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        switch names.count {
        case 1: (id, convention) = (names[0], nil)
        case 2:
            guard let convention = JobConvention.allCases.first(where: { $0.folder == names[0] }) else { return nil }
            (id, self.convention) = (names[1], convention)
        default: return nil
        }
    }
}
