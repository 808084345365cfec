internal import BlobStorage
package import OutputConventions

/// How a project stands in the store, line by line.
package struct LuisyReport: Sendable {
    package struct Line: Sendable {
        package let key: LuisyKey
        /// `nil`: no manifest of the project has the key.
        package let value: LuisyManifest.Value?
        package let state: LuisyState
        package let blobCount: Int
        package let byteCount: UInt64
        /// Of other projects whose manifests name this output, too.
        package let elsewhere: [(project: String, value: LuisyManifest.Value)]

        /// Another manifest has another hash for it: one of the two is wrong.
        package var isContradicted: Bool { elsewhere.contains { $0.value != value } }
    }

    package let project: String
    package let lines: [Line]
}

extension LuisyContainer {
    /// What is found of the projects that are asked for.
    package struct Reports: Sendable {
        package var reports: [LuisyReport] = []
        /// Names that are no projects.
        package var unmatched: [String] = []
        /// Projects whose manifests cannot be read.
        package var broken: [LuisyError] = []
    }

    /// - Parameter names: projects; none: all that have a manifest.
    package func reports(on names: [String]) async throws -> Reports {
        var (manifests, broken) = try await manifests(of: try await top().projects)
        let known = Set(manifests.keys).union(broken.keys)
        let wanted = names.isEmpty ? known.sorted { $0.text < $1.text } : names.map(NameBytes.init)
        var found = Reports()
        for project in wanted {
            if let error = broken[project] {
                found.broken.append(error)
            } else if known.contains(project) {
                found.reports.append(try await report(on: project, &manifests))
            } else {
                found.unmatched.append(project.text)
            }
        }
        return found
    }

    /// Those of all projects: an output may stand in two of them.
    private func manifests(
        of projects: [String]
    ) async throws -> (whole: [NameBytes: StoredManifest], broken: [NameBytes: LuisyError]) {
        typealias Read = (project: NameBytes, manifest: StoredManifest?, error: LuisyError?)
        return try await withThrowingTaskGroup(of: Read.self) { group in
            for project in projects {
                group.addTask {
                    do { return (NameBytes(project), try await manifest(of: project), nil) } catch {
                        guard let error = error as? LuisyError else { throw error }
                        return (NameBytes(project), nil, error)
                    }
                }
            }
            var (whole, broken): ([NameBytes: StoredManifest], [NameBytes: LuisyError]) = ([:], [:])
            for try await read in group { (whole[read.project], broken[read.project]) = (read.manifest, read.error) }
            return (whole, broken)
        }
    }

    /// How often a manifest may change while its blobs are listed.
    private static let looksMax = 5

    private func report(
        on project: NameBytes,
        _ manifests: inout [NameBytes: StoredManifest]
    ) async throws -> LuisyReport {
        for look in 1... {
            guard let stored = manifests[project] else { return LuisyReport(project: project.text, lines: []) }
            let blobs = try await blobs(of: [project.text], and: stored.manifest.entries.map(\.key))
            let lines = Self.lines(project, manifests, blobs)
            // What is newer may only be newer than the manifest that was read before the listing.
            guard lines.contains(where: { $0.state == .newer || $0.state == .orphan }), look < Self.looksMax,
                let again = try await manifest(of: project.text), again.properties.version != stored.properties.version
            else { return LuisyReport(project: project.text, lines: lines) }
            manifests[project] = again
        }
        preconditionFailure("the loop only ends by return or throw")
    }

    private static func lines(
        _ project: NameBytes,
        _ manifests: [NameBytes: StoredManifest],
        _ blobs: LuisyBlobs
    ) -> [LuisyReport.Line] {
        guard let stored = manifests[project] else { return [] }
        let others = manifests.filter { $0.key != project }.sorted { $0.key.text < $1.key.text }
        let elsewhere: (LuisyKey) -> [(project: String, value: LuisyManifest.Value)] = { key in
            others.compactMap { other, stored in stored.manifest[key].map { (other.text, $0) } }
        }
        var lines = stored.manifest.entries.map { entry in
            let content = blobs.content(of: entry.key)
            // An empty directory is there for luisy, too.
            let isThere = blobs.isThere(entry.key)
            return LuisyReport.Line(
                key: entry.key,
                value: entry.value,
                state: LuisyState(
                    entry.key,
                    entry.value,
                    blob: isThere ? content.map(\.properties.version.lastModified).max() ?? 0 : nil,
                    manifest: stored.properties.version.lastModified
                ),
                blobCount: content.count,
                byteCount: content.reduce(0) { $0 + $1.properties.length },
                elsewhere: elsewhere(entry.key)
            )
        }
        lines += orphans(project, manifests.values, blobs).map { blob in
            let key = LuisyKey(blob: blob.name)
            return LuisyReport.Line(
                key: key,
                value: nil,
                state: .orphan,
                blobCount: 1,
                byteCount: blob.properties.length,
                elsewhere: []
            )
        }
        return lines
    }

    /// Blobs of the project that no manifest of any project names, by themselves or by a folder above them.
    private static func orphans(
        _ project: NameBytes,
        _ manifests: some Collection<StoredManifest>,
        _ blobs: LuisyBlobs
    ) -> [LuisyBlobs.Blob] {
        let named = manifests.reduce(into: Set<LuisyKey>()) { $0.formUnion($1.manifest.entries.lazy.map(\.key)) }
        let own = project.text + "/"
        return blobs.all.filter { blob in
            guard blob.name.utf8.starts(with: own.utf8), !blob.properties.marksDirectory(blob.name),
                !blob.name.utf8.elementsEqual((own + LuisyKey.manifestName).utf8)
            else { return false }
            let key = LuisyKey(blob: blob.name)
            if named.contains(key) { return false }
            let folders = key.text.utf8.indices.dropFirst().filter { key.text.utf8[$0] == UInt8(ascii: "/") }
            return !folders.contains { named.contains(LuisyKey(String(key.text[..<$0]))) }
        }
    }
}
