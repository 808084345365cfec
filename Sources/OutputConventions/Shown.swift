extension TreePlace {
    /// How a container is shown in this view, or `nil` when it is not a matter of this view. `jobID` is the true id
    /// where it is known; it is used only if it leads back to the container.
    package func shown(container: String, jobID: String?) -> (name: String, place: TreePlace)? {
        guard case .view(let view) = self else { return nil }
        let place = TreePlace.container(view, container: container)
        switch view {
        case .containers:
            return (container, place)
        case .runs, .datastores, .uploads, .foreach, .projects:
            return nil
        case .jobs:
            guard container.utf8.starts(with: JobContainer.prefix.utf8) else { return nil }
            if let jobID, JobContainer.isJobID(jobID), jobID.utf8.count <= PlainName.byteCountMax,
                JobContainer.name(forJob: jobID).utf8.elementsEqual(container.utf8)
            {
                return (jobID, place)
            }
            let id = String(decoding: container.utf8.dropFirst(JobContainer.prefix.utf8.count), as: UTF8.self)
            return JobContainer.name(forJob: id).utf8.elementsEqual(container.utf8) ? (id, place) : nil
        }
    }

    /// How a blob of this directory's listing is shown; `nil` when it belongs elsewhere. The place is a `.file`, or the
    /// `.folder` in which a segment goes on that is too long for one file name.
    ///
    /// Directory markers are the caller's to recognise (by metadata and size): the marker `dir` stands for the prefix
    /// `dir/`, and this directory's own `slashMarker` for nothing.
    package func shown(blob: String) -> (name: String, place: TreePlace)? {
        shown(blob: blob, isFile: false)
    }

    /// How blob `a` is shown when the same listing holds the prefix `a/`, whose directory has the name.
    package func shadowed(blob: String) -> (name: String, place: TreePlace)? {
        shown(blob: blob, isFile: true)
    }

    private func shown(blob: String, isFile: Bool) -> (name: String, place: TreePlace)? {
        guard let directory = BlobDirectory(self), directory.level.hasFiles,
            let segment = directory.segment(of: blob.unicodeScalars[...]), directory.holds(blob: blob),
            let shown = directory.name(of: segment, isFile: isFile)
        else { return nil }
        let (view, container) = (directory.view, directory.container)
        guard shown.isWhole else {
            return (shown.name, .folder(view, container: container, prefix: directory.base + shown.reached))
        }
        return (shown.name, .file(view, container: container, name: blob))
    }

    /// How a prefix of this directory's listing is shown: a directory; `nil` when it belongs elsewhere.
    package func shown(prefix: String) -> (name: String, place: TreePlace)? {
        guard let directory = BlobDirectory(self), prefix.utf8.last == UInt8(ascii: "/"),
            // Not the last Character: with a prepended mark in front, that is more than the slash.
            let segment = directory.segment(of: prefix.unicodeScalars.dropLast()),
            let shown = directory.name(of: segment, isFile: false)
        else { return nil }
        let (view, container) = (directory.view, directory.container)
        guard shown.isWhole else {
            return (shown.name, .folder(view, container: container, prefix: directory.base + shown.reached))
        }
        return (shown.name, .directory(view, container: container, prefix: prefix))
    }
}
