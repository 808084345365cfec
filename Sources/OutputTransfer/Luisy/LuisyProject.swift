internal import BlobStorage
internal import BlobWriting
internal import LocalStore
package import OutputConventions

/// A project of luisy on both sides: what a run would know when it begins.
package struct LuisyProject: Sendable {
    package let container: LuisyContainer
    package let directory: WorkingDirectory
    package let name: String

    /// - Parameter name: the folder of the project, in the working directory and in the container.
    package init(_ name: String, in container: LuisyContainer, _ directory: WorkingDirectory) throws(LuisyError) {
        guard LuisyKey("/" + name).names?.count == 1 else {
            throw LuisyError("'\(name)' is no project: it is one folder of the working directory")
        }
        (self.container, self.directory, self.name) = (container, directory, name)
    }

    /// What somebody says of the code, which nobody but luisy can hash.
    package struct Code: Sendable {
        package var hashes: [LuisyKey: String] = [:]
        package var external: Set<LuisyKey> = []

        package init() {}
    }

    /// Both sides at one moment.
    struct Snapshot: Sendable {
        let knowledge: LuisyPlan.Knowledge
        let stored: LuisyContainer.StoredManifest?
        let blobs: LuisyBlobs

        /// Whether a blob below an output is, or lies in, one that a manifest names by itself, or is a manifest: it is no part
        /// of the first one.
        func isOfAnother(_ name: String, below key: LuisyKey) -> Bool {
            let blob = LuisyKey(blob: name)
            if blob.isManifest { return true }
            let path = blob.text.utf8
            let ends = path.indices.dropFirst(key.text.utf8.count + 1).filter { path[$0] == UInt8(ascii: "/") }
            return (ends + [path.endIndex]).contains { end in
                let other = LuisyKey(String(Substring(path[..<end])))
                return knowledge.store[other] != nil || knowledge.local[other] != nil
            }
        }
    }

    /// The manifest is read before the blobs are listed: an upload puts the blob first, so that what a manifest names is listed.
    func snapshot(_ code: Code, _ disk: WorkerThreads) async throws -> Snapshot {
        let (directory, name) = (directory, name)
        let local = try await disk.perform { try directory.manifest(of: name) }
        let stored = try await container.manifest(of: name)
        let store = stored?.manifest ?? LuisyManifest()
        let keys = Set(local.entries.map(\.key) + store.entries.map(\.key) + code.hashes.keys)
        let blobs = try await container.blobs(of: [name], and: keys)
        let files = try await disk.perform { () throws(LocalFileError) in
            var files: Set<LuisyKey> = []
            for key in keys where try directory.hasFile(key) { files.insert(key) }
            return files
        }
        var knowledge = LuisyPlan.Knowledge(
            local: local,
            store: store,
            files: files,
            blobs: Set(keys.filter { blobs.isThere($0) })
        )
        (knowledge.given, knowledge.external) = (code.hashes, code.external)
        return Snapshot(knowledge: knowledge, stored: stored, blobs: blobs)
    }

    /// What a run of luisy would do with each output, by the recorded rules of luisy 1.4.7.
    ///
    /// - Parameter keys: only these; none: all.
    package func plan(
        _ code: Code,
        keys: [LuisyKey],
        download: Bool,
        upload: Bool
    ) async throws -> (lines: [LuisyPlan.Line], unmatched: [LuisyKey]) {
        let snapshot = try await snapshot(code, WorkerThreads(name: "luisy", count: 2))
        let only = keys.isEmpty ? nil : Set(keys)
        let plan = LuisyPlan(snapshot.knowledge, keys: only, download: download, upload: upload)
        let planned = Set(plan.lines.map(\.key))
        return (plan.lines, keys.filter { !planned.contains($0) })
    }
}
