import BlobStorage
import OutputConventions

/// Where records are: in the tree, and under which address the readers of blobs find them.
///
/// The address is none that a blob can have: a container's name has no colon.
extension RecordName {
    private static let scheme = "batch:"
    private static let jobFile = ".job.json"
    private static let taskFile = ".task.json"

    /// The record that a directory shows.
    init?(in place: TreePlace) {
        switch place {
        case .container(.jobs, let container): self = .job(container: container)
        case .task(let container, let task): self = .task(container: container, task: task)
        default: return nil
        }
    }

    init?(_ address: BlobAddress) {
        guard address.container.utf8.starts(with: Self.scheme.utf8) else { return nil }
        let container = String(Substring(address.container.utf8.dropFirst(Self.scheme.utf8.count)))
        guard let slash = address.name.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            self = .job(container: container)
            return
        }
        self = .task(container: container, task: String(address.name[..<slash]))
    }

    var fileName: String {
        switch self {
        case .job: Self.jobFile
        case .task: Self.taskFile
        }
    }

    var address: BlobAddress {
        switch self {
        case .job(let container): BlobAddress(container: Self.scheme + container, name: Self.jobFile)
        case .task(let container, let task):
            BlobAddress(container: Self.scheme + container, name: "\(task)/\(Self.taskFile)")
        }
    }

    var place: TreePlace { .file(.jobs, container: address.container, name: address.name) }
}
