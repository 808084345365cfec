internal import BlobStorage
package import OutputConventions
internal import OutputViews

/// One directory at a time.
extension StoreTree {
    /// A line of a directory.
    package struct Entry: Sendable {
        package let name: String
        /// `nil`: a directory.
        package let file: TreeFile?
        /// Of a directory.
        let directory: TreePlace?

        package init(name: String, file: TreeFile) {
            (self.name, self.file, directory) = (name, file, nil)
        }

        init(name: String, directory: TreePlace) {
            (self.name, file, self.directory) = (name, nil, directory)
        }
    }

    /// The entries of one directory, sorted by the bytes of their names; those that are always there included.
    package func entries(of place: TreePlace) async throws -> [Entry] {
        let planned = place.planned(views: views)
        var found = Lines(place: place)
        for fixed in planned.fixed where fixed.place.isDirectory {
            found.directories[NameBytes(fixed.name)] = fixed.place
        }
        switch planned.source {
        case .nothing: break
        case .gathered(let gathered):
            for entry in try await gatherer.entries(of: gathered) { found.add(entry) }
        case .containers: try await eachContainer(in: place) { found.directories[NameBytes($0)] = $1 }
        case .blobs(let container, let prefix): try await list(container, prefix, into: &found)
        }
        let all = found.directories.map { Entry(name: $0.text, directory: $1) } + found.files
        return all.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private struct Lines {
        let place: TreePlace
        var directories: [NameBytes: TreePlace] = [:]
        var files: [Entry] = []

        mutating func add(_ entry: GatheredEntry) {
            switch entry.target {
            case .directory(let place): directories[NameBytes(entry.name)] = place
            case .file(let place, let properties):
                guard let file = TreeFile(place, properties, path: [entry.name]) else { return }
                files.append(Entry(name: entry.name, file: file))
            }
        }

        mutating func add(prefix: String) {
            if let shown = place.shown(prefix: prefix) { directories[NameBytes(shown.name)] = shown.place }
        }

        mutating func add(_ blob: HeldBack.Final, in container: String) {
            if blob.properties.marksDirectory(blob.name) {
                return add(prefix: blob.name.utf8.last == UInt8(ascii: "/") ? blob.name : blob.name + "/")
            }
            let shown = blob.isShadowed ? place.shadowed(blob: blob.name) : place.shown(blob: blob.name)
            guard let shown else { return }
            // A name that is too long for one file goes on in a directory.
            guard !shown.place.isDirectory else {
                directories[NameBytes(shown.name)] = shown.place
                return
            }
            let file = TreeFile(
                path: [shown.name],
                address: BlobAddress(container: container, name: blob.name),
                properties: blob.properties,
                isDirectory: false
            )
            files.append(Entry(name: shown.name, file: file))
        }
    }

    private func list(_ container: String, _ prefix: String, into found: inout Lines) async throws {
        let query = BlobQuery(container: container, prefix: prefix, delimiter: "/", includesMetadata: true)
        var held = HeldBack()
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            for item in page.items {
                switch item {
                case .blob(let name, let properties):
                    for final in held.pass(name, properties) { found.add(final, in: container) }
                case .prefix(let name, _):
                    for final in held.pass(prefix: name) { found.add(final, in: container) }
                    found.add(prefix: name)
                }
            }
            marker = page.next
        } while marker != nil
        for final in held.finish() { found.add(final, in: container) }
    }
}
