/// What a run of luisy would do with each output, without the code: what is known of both sides, and `LuisySync` for each key.
package struct LuisyPlan: Sendable {
    package struct Line: Sendable, Hashable {
        package let key: LuisyKey
        /// Of the code as it is taken to be.
        package let hash: String
        package let state: LuisySync.State
        package let sync: LuisySync
    }

    /// What is known when a run begins.
    package struct Knowledge: Sendable {
        /// Hashes of the code that somebody names; they win.
        package var given: [LuisyKey: String] = [:]
        package var external: Set<LuisyKey> = []
        package var local: LuisyManifest
        package var store: LuisyManifest
        /// Keys with a file or folder on this machine.
        package var files: Set<LuisyKey>
        /// Keys with a blob, or with blobs below.
        package var blobs: Set<LuisyKey>

        package init(local: LuisyManifest, store: LuisyManifest, files: Set<LuisyKey>, blobs: Set<LuisyKey>) {
            (self.local, self.store, self.files, self.blobs) = (local, store, files, blobs)
        }

        /// The hash of the code is nobody's to compute but luisy's own. What is not given is taken to be as it was: as this
        /// machine's manifest has it where there is a file, else as the store's has it.
        package func codeHash(of key: LuisyKey) -> String? {
            given[key] ?? (files.contains(key) ? local[key]?.hash : nil) ?? store[key]?.hash
        }

        package func state(of key: LuisyKey) -> LuisySync.State {
            LuisySync.State(
                isExternal: external.contains(key),
                hasLocalFile: files.contains(key),
                localHash: local[key]?.compared,
                hasBlob: blobs.contains(key),
                cloudHash: store[key]?.compared
            )
        }
    }

    /// In the order of this machine's manifest, then of the store's, then of the keys that were only given.
    package let lines: [Line]

    /// - Parameter keys: only these; `nil`: all of which a hash is known.
    package init(_ knowledge: Knowledge, keys: Set<LuisyKey>? = nil, download: Bool, upload: Bool) {
        var seen: Set<LuisyKey> = []
        var lines: [Line] = []
        let all =
            knowledge.local.entries.map(\.key) + knowledge.store.entries.map(\.key) + knowledge.given.keys.sorted()
        for key in all where keys?.contains(key) ?? true && seen.insert(key).inserted {
            guard let hash = knowledge.codeHash(of: key) else { continue }
            let state = knowledge.state(of: key)
            let sync = LuisySync(state, hash: hash, download: download, upload: upload)
            lines.append(Line(key: key, hash: hash, state: state, sync: sync))
        }
        self.lines = lines
    }
}
