import BlobStorage
import OutputConventions

/// What a path means to a mass delete.
package struct RemovalTarget: Sendable, Equatable {
    /// The blob, or what all blobs in the directory have in common.
    let address: BlobAddress
    /// `nil` for a file.
    let directory: TreePlace?
    /// A whole job or container, or all its tasks.
    package var isWhole: Bool { address.name.isEmpty }

    /// The blob that keeps the directory alive.
    var marker: BlobAddress? { directory?.markerBlob }

    /// Whether the store's directory holds what is no part of this target.
    func sharesDirectory(_ address: BlobAddress) -> Bool { directory?.isPartial == true && address == marker }

    /// `tasks` lists the whole container, of which the job's own kinds are no task; among a run's artifacts are not its
    /// outputs, nor what says that there is a directory for them.
    func includes(_ name: String, isDirectory: Bool = false) -> Bool {
        switch directory {
        case .tasks: return name.utf8.first != UInt8(ascii: "$")
        case let place? where place.isPartial:
            guard isDirectory else { return place.path(to: name, views: .all) != nil }
            let prefix = name.utf8.last == UInt8(ascii: "/") ? name : name + "/"
            return place.path(to: prefix + "x", views: .all) != nil
        default: return true
        }
    }
}

/// What a path may mean, before the store was asked.
enum RemovalCandidate: Sendable, Equatable {
    case file(BlobAddress)
    case directory(TreePlace)
    /// A container, or a directory that is there whenever its container is.
    case fixed(TreePlace)
    /// A directory where there is one, else a file.
    case either(BlobAddress, TreePlace)

    /// `gathered`: what the store says of a name in a directory that no single listing tells.
    ///
    /// - Throws: `.forbidden` for what no delete may be about, `.notFound` for what cannot be.
    init(
        path: String,
        views: ShownViews,
        onlyContainer: String?,
        gathered find: (_ name: String, GatheredPlace) async throws(RemovalRefusal) -> TreePlace?
    ) async throws(RemovalRefusal) {
        let names = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        guard !names.contains("."), !names.contains("..") else {
            throw RemovalRefusal(.forbidden, "\(path): give it without . and ..")
        }
        var place = TreePlace.root
        var found: RemovalCandidate?
        var isFixed = true
        for (index, name) in names.enumerated() {
            let isLast = index == names.count - 1
            switch place.resolve(name, views: views) {
            case .fixed(let fixed): (place, isFixed) = (fixed, true)
            case .container(let container): place = container
            case .folder(let folder): (place, isFixed) = (folder, false)
            case .either(let file, let folder):
                if isLast, let blob = file.blob { found = .either(blob, folder) }
                (place, isFixed) = (folder, false)
            case .file(let file):
                guard isLast, let blob = file.blob else { throw RemovalRefusal(.notFound, "\(path) is not there") }
                found = .file(blob)
            case .gathered(let gathered):
                guard let next = try await find(name, gathered) else {
                    throw RemovalRefusal(.notFound, "\(path) is not there")
                }
                if let blob = next.blob {
                    guard isLast else { throw RemovalRefusal(.notFound, "\(path) is not there") }
                    found = .file(blob)
                }
                (place, isFixed) = (next, true)
            case .impossible(let problem): throw RemovalRefusal(.notFound, "\(path): \(problem.reason)")
            }
        }
        if case .gathered = place, found == nil {
            throw RemovalRefusal(
                .forbidden,
                "/\(path) is put together from several places: name what is in it, or the job to outputfs jobs rm"
            )
        }
        // `projects` is a container, and one name is soon typed: whoever means it says containers/<name>.
        guard names.count > 1, let contents = place.contents ?? found?.blob else {
            throw RemovalRefusal(.forbidden, "/\(path) belongs to the tree: name a job, a container, or what is in one")
        }
        // A datastore in another account has credentials of its own.
        guard
            onlyContainer.map({ $0.utf8.elementsEqual(contents.container.utf8) }) ?? true
                || ForeignContainer.isForeign(contents.container)
        else {
            throw RemovalRefusal(.notFound, "\(path): the credentials are for one container, and not for this one")
        }
        self = found ?? (isFixed ? .fixed(place) : .directory(place))
    }

    private var blob: BlobAddress? {
        switch self {
        case .file(let blob), .either(let blob, _): blob
        case .directory, .fixed: nil
        }
    }
}
