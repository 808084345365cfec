internal import BlobStorage
package import OutputConventions

/// Changes of manifests alone.
extension LuisyContainer {
    /// What `gc` found.
    package struct Cleaning: Sendable {
        /// Lines without a hash or without a blob.
        package let dropped: [(key: LuisyKey, state: LuisyState)]
        /// Blobs that no manifest names; they stay.
        package let orphans: [LuisyReport.Line]
    }

    /// Names an output in its project's manifest that somebody else's program put there.
    ///
    /// - Returns: how many blobs the output has, and the value that was there.
    package func adopt(
        _ key: LuisyKey,
        hash: String,
        project: String,
        isDryRun: Bool
    ) async throws -> (blobCount: Int, before: LuisyManifest.Value?) {
        guard key.names != nil else {
            throw LuisyError("'\(key)' is no key: it is the path below the working directory, with a slash in front")
        }
        let content = try await blobs(of: [], and: [key]).content(of: key)
        guard !content.isEmpty else {
            throw LuisyError(
                "\(name)/\(key.blobName) is not there, and no blob below it",
                try: "outputfs ls containers/\(name)/\(project)",
                isMissing: true
            )
        }
        var before: LuisyManifest.Value?
        if isDryRun {
            before = try await manifest(of: project)?.manifest[key]
        } else {
            try await updateManifest(of: project) { _, manifest in
                before = manifest[key]
                manifest[key] = .hash(hash)
            }
        }
        return (content.count, before)
    }

    /// Drops lines of a project's manifest that say nothing.
    package func clean(_ project: String, isDryRun: Bool) async throws -> Cleaning {
        var cleaning: Cleaning?
        // Read, list, save: in this order, what is being pushed is not taken for dangling.
        try await updateManifest(of: project) { _, manifest in
            guard let report = try await reports(on: [project]).reports.first else { return }
            let dropped = report.lines.filter { line in
                (line.state == .null || line.state == .dangling) && manifest[line.key] == line.value
            }
            let orphans = report.lines.filter { $0.state == .orphan }
            cleaning = Cleaning(dropped: dropped.map { ($0.key, $0.state) }, orphans: orphans)
            if !isDryRun { manifest.remove(Set(dropped.map(\.key))) }
        }
        guard let cleaning else {
            throw LuisyError(
                "\(manifestAddress(of: project)) is not there",
                try: "outputfs luisy status, which names the projects that are there",
                isMissing: true
            )
        }
        return cleaning
    }
}
