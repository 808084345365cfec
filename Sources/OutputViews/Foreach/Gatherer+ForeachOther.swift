import BlobStorage
import OutputConventions

/// `/foreach/<job>/other`: what follows none of the rules. Below its top, directories are listed like any other.
extension Gatherer {
    func foreachOther(_ container: String) async throws(StorageError) -> [GatheredEntry] {
        let place = ForeachDirectory.otherBlobs(in: container)
        var prefixes: [[UInt8]: String] = [:]
        var blobs: [(name: String, BlobProperties)] = []
        try await list("", in: container) { item in
            switch item {
            case .prefix(let prefix, _): prefixes[Array(prefix.utf8)] = prefix
            case .blob(let name, let properties):
                guard properties.marksDirectory(name) else {
                    blobs.append((name, properties))
                    return true
                }
                // Also where nothing is below it.
                let prefix = name.utf8.last == UInt8(ascii: "/") ? name : name + "/"
                prefixes[Array(prefix.utf8)] = prefix
            }
            return true
        }
        let ofTasks = prefixes.values.filter(Self.isOfTasks)
        let areShown = try await concurrently(ofTasks, atOnce: Self.requestsMax) { prefix throws(StorageError) in
            try await holdsForeachOther(prefix, in: container)
        }
        for (prefix, isShown) in zip(ofTasks, areShown) where !isShown { prefixes[Array(prefix.utf8)] = nil }
        // By their bytes: two blobs never have one name, but a part that is too long is the same directory for several.
        var entries: [[UInt8]: GatheredEntry] = [:]
        for prefix in prefixes.values {
            guard let (name, target) = place.shown(prefix: prefix) else { continue }
            entries[Array(name.utf8)] = GatheredEntry(name, directory: target)
        }
        for (blob, properties) in blobs {
            let isShadowed = prefixes[Array(blob.utf8) + [UInt8(ascii: "/")]] != nil
            guard let (name, target) = isShadowed ? place.shadowed(blob: blob) : place.shown(blob: blob) else {
                continue
            }
            let entry = GatheredEntry(name, target.isDirectory ? .directory(target) : .file(target, properties))
            entries[Array(name.utf8)] = entry
        }
        return Array(entries.values)
    }

    func foreachOther(_ name: String, in container: String) async throws(StorageError) -> GatheredEntry.Target? {
        switch ForeachDirectory.otherBlobs(in: container).resolve(name, views: .all) {
        case .either(let file, let folder):
            if try await isForeachOther(folder) { return .directory(folder) }
            return try await foreachOther(file)
        case .folder(let folder): return try await isForeachOther(folder) ? .directory(folder) : nil
        case .file(let file): return try await foreachOther(file)
        case .fixed, .container, .gathered, .impossible: return nil
        }
    }

    private func foreachOther(_ place: TreePlace) async throws(StorageError) -> GatheredEntry.Target? {
        guard case .file(_, let container, let name) = place else { return nil }
        return try await file(.foreach, BlobAddress(container: container, name: name))
    }

    private func isForeachOther(_ folder: TreePlace) async throws(StorageError) -> Bool {
        guard case .folder(_, let container, let prefix) = folder else { return false }
        return try await isForeachOther(prefix, in: container)
    }

    private func isForeachOther(_ prefix: String, in container: String) async throws(StorageError) -> Bool {
        if Self.isOfTasks(prefix) { return try await holdsForeachOther(prefix, in: container) }
        return try await isDirectory(prefix, in: container)
    }

    private static func isOfTasks(_ prefix: String) -> Bool {
        ForeachBlob.taskFolders.contains { $0.utf8.elementsEqual(prefix.utf8) }
    }

    /// Whether anything in a folder of tasks' blobs is shown here: looked for until something is found.
    private func holdsForeachOther(_ prefix: String, in container: String) async throws(StorageError) -> Bool {
        var isFound = false
        try await list(prefix, in: container) { item in
            switch item {
            case .prefix: isFound = true
            case .blob(let blob, let properties):
                // The folder's own marker is nothing in it; that of another is.
                if properties.length == 0, blob.utf8.elementsEqual(prefix.utf8) { return true }
                isFound = properties.marksDirectory(blob) || ForeachBlob.task(of: blob, in: container) == nil
            }
            return !isFound
        }
        return isFound
    }

    /// Whether a blob is below the prefix, or marks it.
    private func isDirectory(_ prefix: String, in container: String) async throws(StorageError) -> Bool {
        if try await hasBlobs(below: prefix, in: container) { return true }
        let directory = TreePlace.folder(.foreach, container: container, prefix: prefix)
        guard let name = directory.marker?.name else { return false }
        do throws(StorageError) {
            return try await store.properties(of: BlobAddress(container: container, name: name)).marksDirectory(name)
        } catch {
            if error.kind == .notFound { return false }
            throw error
        }
    }
}
