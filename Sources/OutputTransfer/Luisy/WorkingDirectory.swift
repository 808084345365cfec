internal import Glibc
internal import LocalStore
internal import OutputConventions

/// luisy's working directory: where outputs and manifests lie on this machine.
package struct WorkingDirectory: Sendable {
    /// Absolute, without links.
    package let path: String

    /// - Parameter path: is there.
    package init(_ path: String) throws(LocalFileError) {
        let resolved = try LocalFolder.resolved(path)
        guard case .folder = try LocalFolder.kind(of: resolved) else { throw LocalFileError(path, "is no directory") }
        self.path = resolved
    }

    /// Where an output lies; `nil` for a key that leads elsewhere.
    func path(of key: LuisyKey) -> String? {
        key.names.map { names in names.reduce(path) { LocalFolder.joined($0, $1) } }
    }

    func manifestPath(of project: String) -> String {
        LocalFolder.joined(LocalFolder.joined(path, project), LuisyKey.manifestName)
    }

    /// As luisy asks: anything of that name, folders too.
    func hasFile(_ key: LuisyKey) throws(LocalFileError) -> Bool {
        guard let path = path(of: key) else { return false }
        return try LocalFolder.kind(of: path) != nil
    }

    /// - Returns: an empty one where there is none.
    func manifest(of project: String) throws -> LuisyManifest {
        let path = manifestPath(of: project)
        guard try LocalFolder.kind(of: path) != nil else { return LuisyManifest() }
        var bytes: [UInt8] = []
        try LocalFolder.read(path) { bytes.append(contentsOf: $0) }
        do throws(BrokenManifest) { return try LuisyManifest(json: bytes) } catch {
            throw LuisyError(
                "the manifest \(path) is broken: \(error.reason). luisy cannot start with it",
                try: "mv \(path) \(path).broken: luisy then takes the files that are there as they are"
            )
        }
    }

    /// Sets lines of a manifest, which is there whole or as it was: read again, so that lines are kept that a run of luisy added
    /// meanwhile.
    func set(_ hashes: [(key: LuisyKey, hash: String)], of project: String) throws {
        guard !hashes.isEmpty else { return }
        let old = try manifest(of: project)
        var manifest = old
        for (key, hash) in hashes { manifest[key] = .hash(hash) }
        guard manifest != old else { return }
        try LocalFolder.make(LocalFolder.joined(path, project))
        try LocalFolder.replace(manifestPath(of: project), with: manifest.json)
    }
}
