internal import BlobStorage
internal import OutputConventions
internal import OutputViews

/// Where in the tree an upload goes: a directory, in which names become blobs as they do in a mount.
package struct UploadTarget: Sendable {
    /// From the root.
    package let path: [String]
    let place: TreePlace
    /// Of the directory above; of the root, the root.
    private let parentPlace: TreePlace
    private let views: ShownViews

    init(path: [String], place: TreePlace, parentPlace: TreePlace, views: ShownViews) {
        (self.path, self.place, self.parentPlace, self.views) = (path, place, parentPlace, views)
    }

    /// The directory above; it must not be asked for its own.
    var parent: UploadTarget {
        UploadTarget(path: path.dropLast(), place: parentPlace, parentPlace: parentPlace, views: views)
    }

    /// The container that it lies in, and the true id of the job where it is one of a job's.
    var container: (name: String, jobID: String?)? {
        switch place {
        case .container(let view, let container): (container, view == .jobs ? path.dropFirst().first : nil)
        case .tasks(let container), .task(let container, _): (container, path.dropFirst().first)
        case .folder(let view, let container, _): (container, view == .jobs ? path.dropFirst().first : nil)
        case .root, .selfLink, .view, .gathered, .file: nil
        }
    }

    /// The blob of a file by its names below this directory.
    func blob(_ names: [String]) throws(TreeError) -> BlobAddress {
        var place = place
        for (index, name) in names.enumerated() {
            if let problem = place.obstacle(toMaking: name, views: views) {
                throw TreeError(path + names[...index], .impossible("\(problem)"))
            }
            let isLast = index == names.count - 1
            switch place.resolve(name, views: views) {
            case .either(.file(_, let container, let blob), let folder):
                if isLast { return BlobAddress(container: container, name: blob) }
                place = folder
            case .fixed(let next), .container(let next), .folder(let next): place = next
            case .either, .file, .gathered, .impossible:
                throw TreeError(path + names[...index], .impossible("no file can be made there"))
            }
        }
        throw TreeError(path + names, .impossible("only folders are there, and no files"))
    }

    /// The blob that keeps an empty directory alive.
    func marker(_ names: [String]) throws(TreeError) -> BlobAddress? {
        var place = place
        for name in names {
            if let problem = place.obstacle(toMaking: name, views: views) {
                throw TreeError(path + names, .impossible("\(problem)"))
            }
            switch place.resolve(name, views: views) {
            case .either(_, let folder): place = folder
            case .fixed(let next), .container(let next), .folder(let next): place = next
            case .file, .gathered, .impossible:
                throw TreeError(path + names, .impossible("no directory can be made there"))
            }
        }
        return place.marker.map { BlobAddress(container: $0.container, name: $0.name) }
    }
}

extension StoreTree {
    /// The directory that `path` is, or is going to be: nothing of it need be there but the view, and what is put together
    /// from several listings.
    package func target(_ path: [String]) async throws -> UploadTarget {
        var (place, parent) = (TreePlace.root, TreePlace.root)
        for name in path {
            parent = place
            let resolution = place.resolve(name, views: views)
            if case .gathered(let gathered) = resolution {
                guard case .directory(let next) = try await gatherer.find(name, in: gathered) else {
                    throw TreeError(path, .impossible("\(NameProblem.gathered)"))
                }
                place = next
                continue
            }
            if let problem = place.obstacle(toMaking: name, views: views) {
                throw TreeError(path, .impossible("\(problem)"))
            }
            switch resolution {
            case .fixed(.selfLink): throw TreeError(path, .notInStore)
            case .fixed(let next), .container(let next), .folder(let next), .either(_, let next): place = next
            case .file, .gathered, .impossible: throw TreeError(path, .impossible("no directory can be made there"))
            }
        }
        return UploadTarget(path: path, place: place, parentPlace: parent, views: views)
    }
}

extension UploadTarget {
    /// The container that this directory is, if it is a whole one.
    package var containerName: String? {
        if case .container(_, let container) = place { container } else { nil }
    }
}

extension StoreTree {
    /// As `mkdir` in a mount makes it: private, with the job's true id where the name does not tell it.
    func makeContainer(of target: UploadTarget) async throws {
        guard let container = target.container else {
            throw TreeError(target.path, .impossible("no file can be made there"))
        }
        do throws(StorageError) {
            _ = try await store.properties(ofContainer: container.name)
        } catch {
            guard error.kind == .notFound else {
                // A container's own SAS may not ask for its properties.
                if error.kind == .denied { return }
                throw error
            }
            let metadata: BlobMetadata = container.jobID.map { ["outputfs_jobid": $0] } ?? [:]
            do throws(StorageError) {
                _ = try await store.createContainer(container.name, metadata: metadata)
            } catch {
                if error.kind != .alreadyExists { throw error }
            }
        }
    }

    /// Whether a single local file that goes to `path` gets that name: it is no folder, and there is none of the name yet.
    package func isNewFile(_ path: [String], for source: String) async throws -> Bool {
        guard case .file = try LocalFolder.kind(of: source) else { return false }
        do {
            if case .file = try await find(path) { return true }
            return false
        } catch let error as TreeError where error.reason == .notFound {
            return true
        } catch let error as StorageError where error.kind == .notFound {
            return true
        }
    }
}
