import BlobStorage
import FileSystemModel
import Glibc
import OutputConventions
import OutputViews

/// Removing in directories that are put together from several listings: they come and go with what is in them.
extension OutputFileSystem {
    /// Something in it was removed here: with its last file a directory is gone, which what was listed above does not know.
    func noteRemoval(in directory: DirectoryNode) {
        if directory.place.isPartial { emptied.insert(directory.place, at: clock.monotonic()) }
        guard var gathered = directory.place.gathered else { return }
        emptied.insert(.gathered(gathered), at: clock.monotonic())
        while !gathered.path.isEmpty {
            let slash = gathered.path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? gathered.path.startIndex
            gathered = GatheredPlace(
                gathered.view,
                container: gathered.container,
                path: String(gathered.path[..<slash])
            )
            nodes.directory(at: .gathered(gathered))?.withState { $0.listing = nil }
        }
    }

    /// A directory of which the store knows nothing more, since it lost its last file here a moment ago: `rm -r` has yet to
    /// remove it.
    func emptiedDirectory(_ name: FileName, in gathered: GatheredPlace) -> TreePlace? {
        let now = clock.monotonic()
        return gatherer.directories(named: name.string, in: gathered).first { place in
            if emptied.contains(place, at: now) { return true }
            guard let marker = place.ownMarkerBlob else { return false }
            guard case .present? = changes.folder(marker, since: now - options.attributeValidity) else { return false }
            return true
        }
    }

    private func forgetEmptied(_ places: [TreePlace]) {
        for place in places {
            emptied.remove(place)
            if let marker = place.ownMarkerBlob { changes.record(folder: marker, .absent, at: clock.monotonic()) }
        }
    }

    private enum Emptiness { case empty, inUse, ofTheTree }

    /// rmdir of a name in it: the folder to remove like any other, or `nil` where nothing is to be done, since nothing is in
    /// the directory.
    func removableDirectory(
        _ name: FileName,
        in gathered: GatheredPlace
    ) async throws(FileSystemError) -> TreePlace? {
        let emptiness: Emptiness
        let emptied = gatherer.directories(named: name.string, in: gathered)
        do throws(StorageError) {
            switch try await gatherer.find(name.string, in: gathered) {
            case nil: emptiness = .empty
            case .directory(.folder(let view, let container, let prefix)) where view == .foreach || view == .runs:
                return .folder(view, container: container, prefix: prefix)
            case .directory(.gathered(let place)) where !place.path.isEmpty:
                emptiness = try await isEmpty(place) ? .empty : .inUse
            case .file, .directory: emptiness = .ofTheTree
            }
        } catch { throw failure(error, "rmdir", error.resource) }
        switch emptiness {
        case .empty:
            for case .gathered(let place) in emptied { try await removeDirectories(behind: place) }
            forgetEmptied(emptied)
            return nil
        case .inUse: throw FileSystemError(errno: ENOTEMPTY, "\(name) is not empty")
        case .ofTheTree:
            throw FileSystemError(errno: EPERM, "\(name) is put together from elsewhere: it goes with what is in it")
        }
    }

    /// In a hierarchical namespace the directories behind a place stay when it is empty, and would be listed on.
    private func removeDirectories(behind place: GatheredPlace) async throws(FileSystemError) {
        do throws(StorageError) {
            for directory in try await gatherer.directories(behind: place) {
                guard case .hierarchical = store.namespace(of: directory.container) else { continue }
                do throws(StorageError) {
                    // The store would delete a file of that name as well.
                    guard try await store.properties(of: directory).isDirectory else { continue }
                    try await store.removeDirectory(directory, recursively: false)
                } catch {
                    // Somebody put something there a moment ago, or it never was.
                    guard error.kind == .notEmpty || error.kind == .notFound else { throw error }
                }
            }
        } catch { throw failure(error, "rmdir", error.resource) }
    }

    /// Whether there is no file below it, but for those that were removed here a moment ago.
    private func isEmpty(_ gathered: GatheredPlace) async throws(StorageError) -> Bool {
        let removed = clock.monotonic() - options.attributeValidity
        for entry in try await gatherer.entries(of: gathered) {
            switch entry.target {
            case .directory(.gathered(let place)):
                if try await !isEmpty(place) { return false }
            case .directory: return false
            case .file(let place, _):
                guard let address = place.blob else { return false }
                switch changes.file(address, since: removed) {
                case .absent, .held: continue
                case .present, .stored, nil: return false
                }
            }
        }
        return true
    }
}

extension TreePlace {
    /// The blob that marks this directory, and no other one.
    fileprivate var ownMarkerBlob: BlobAddress? {
        // The artifacts of a run have the prefix of all that is the run's.
        if case .folder(.runs, _, _) = self, isPartial { return nil }
        return markerBlob
    }
}
