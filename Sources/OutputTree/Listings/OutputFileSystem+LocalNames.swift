import BlobStorage
import FileSystemModel
import OutputConventions

/// Laying what this mount did over what the store listed.
extension OutputFileSystem {
    /// The page with what this mount did since it was listed; `nil` when that is nothing. `range`: the names for which
    /// this page speaks.
    func merged(
        _ content: DirectoryListing.Content,
        _ range: DirectoryListing.NameRange,
        of place: TreePlace
    ) -> [SnapshotEntry]? {
        switch place.planned(views: options.views).source {
        // Files in it are current, since each is looked at by itself; what comes and goes, the next listing tells.
        case .nothing, .gathered: nil
        case .containers: mergedContainers(content, of: place)
        case .blobs(let container, let prefix):
            merged(content, range, of: place, BlobAddress(container: container, name: prefix))
        }
    }

    private func mergedContainers(_ content: DirectoryListing.Content, of place: TreePlace) -> [SnapshotEntry]? {
        guard case .collected(let snapshot) = content else { return nil }
        let made = changes.containers(since: snapshot.startedAt)
        guard !made.isEmpty else { return nil }
        var builder = SnapshotBuilder(of: place)
        for entry in snapshot.entries { builder.addDirectory(entry.name.string, entry.place) }
        for (container, jobID) in made {
            guard let (name, target) = place.shown(container: container, jobID: jobID), !snapshot.contains(target)
            else { continue }
            builder.addDirectory(name, target)
        }
        return builder.finish(startedAt: snapshot.startedAt, isComplete: true).entries
    }

    private func merged(
        _ content: DirectoryListing.Content,
        _ range: DirectoryListing.NameRange,
        of place: TreePlace,
        _ source: BlobAddress
    ) -> [SnapshotEntry]? {
        let local = localNames(in: source, range, since: content.since)
        guard !local.isEmpty else { return nil }
        var builder = SnapshotBuilder(of: place)
        switch content {
        case .page(let page): for index in 0..<page.count { builder.restore(page[index]) }
        case .collected(let snapshot): for entry in snapshot.entries { builder.restore(entry) }
        }
        for (blob, change) in local.files {
            switch change {
            case .absent, .held: builder.removeBlob(blob)
            case .stored(let facts, _): builder.addBlob(blob, facts)
            case .present(let node): builder.addBlob(blob, node.withState { $0.facts } ?? FileFacts.unsent)
            }
        }
        for (folder, change) in local.folders {
            switch change {
            case .absent: builder.removePrefix(folder)
            case .present(let marker): builder.addPrefix(folder, facts: marker?.facts)
            }
        }
        // A directory is there when a file in it is, also if that is on this mount only.
        for directory in local.aboveUnsent { builder.addPrefix(directory) }
        // What is always there cannot be removed.
        for (name, fixed) in place.planned(views: options.views).fixed { builder.addDirectory(name, fixed) }
        return builder.finish(startedAt: content.startedAt, isComplete: true).entries
    }

    private struct LocalNames {
        var files: [(name: String, LocalChanges.FileChange)]
        var folders: [(name: String, LocalChanges.FolderChange)]
        /// Directories with files in them that the store has not.
        var aboveUnsent: [String]

        var isEmpty: Bool { files.isEmpty && folders.isEmpty && aboveUnsent.isEmpty }
    }

    private func localNames(
        in source: BlobAddress,
        _ range: DirectoryListing.NameRange,
        since: Duration
    ) -> LocalNames {
        func isInRange(_ name: String) -> Bool { range.contains(name.utf8.dropFirst(source.name.utf8.count)) }
        let (files, folders) = changes.changes(in: source.container, prefix: source.name, since: since)
        let deep = unsent.files(below: source).compactMap { $0.address.directory(below: source.name) }
        return LocalNames(
            files: files.filter { isInRange($0.name) },
            folders: folders.filter { isInRange($0.name) },
            aboveUnsent: deep.filter(isInRange)
        )
    }
}

extension DirectoryListing.Content {
    /// Changes from then on may be missing from it. Where nothing may be listed, what this mount wrote is all there is
    /// to show, however long ago.
    fileprivate var since: Duration {
        switch self {
        case .page(let page): page.carriedSince ?? page.startedAt
        case .collected(let snapshot): snapshot.isComplete ? snapshot.startedAt : .zero
        }
    }
}

extension BlobAddress {
    /// The name up to the first slash behind `prefix`; `nil` if there is none.
    fileprivate func directory(below prefix: String) -> String? {
        let rest = name.utf8.dropFirst(prefix.utf8.count)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(name[..<slash])
    }
}

extension FileFacts {
    /// What stands for a version where there is none yet: the file lives on this mount only.
    static var unsent: FileFacts {
        FileFacts(BlobProperties(version: BlobVersion(etag: ETag(""), lastModified: 0), length: 0))
    }
}
