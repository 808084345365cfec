internal import BlobStorage
internal import Checksums
internal import OutputConventions

extension StoredArtifact {
    /// All blobs of an upload, from one listing.
    struct Files: Sendable {
        let names: [String]
        /// One of them, or in a hierarchical namespace its folder, says that the upload was completed.
        let isConfirmed: Bool
        let hasIgnoreFile: Bool
        private let path: String
        private let rules: IgnoreRules

        init(_ artifact: StoredArtifact, in store: any BlobStore) async throws {
            let path = artifact.path
            self.path = path
            var names: [String] = []
            var isConfirmed = false
            var ignoreFile: (rank: Int, blob: TreeFile)?
            let upload = "LocalUpload/\(artifact.hash)"
            var marker: ListMarker?
            repeat {
                let query = BlobQuery(container: artifact.container, prefix: upload, includesMetadata: true)
                let page = try await store.listBlobs(query, after: marker)
                for item in page.items {
                    guard case .blob(let name, let properties) = item else { continue }
                    let isOwn = name.utf8.elementsEqual(path.utf8) || name.utf8.starts(with: (path + "/").utf8)
                    guard isOwn || name.utf8.elementsEqual(upload.utf8) else { continue }
                    if properties.metadata["upload_status"]?.lowercased() == "completed" { isConfirmed = true }
                    guard isOwn, !properties.marksDirectory(name) else { continue }
                    names.append(name)
                    let rank = IgnoreRules.fileNames.firstIndex { name.utf8.elementsEqual("\(path)/\($0)".utf8) }
                    if let rank, rank < ignoreFile?.rank ?? .max {
                        let blob = BlobAddress(container: artifact.container, name: name)
                        let file = TreeFile(path: [name], address: blob, properties: properties, isDirectory: false)
                        ignoreFile = (rank, file)
                    }
                }
                marker = page.next
            } while marker != nil
            (self.names, self.isConfirmed) = (names, isConfirmed)
            hasIgnoreFile = ignoreFile != nil
            rules = if let ignoreFile { try await Self.rules(ignoreFile.blob, store) } else { IgnoreRules() }
        }

        private static func rules(_ file: TreeFile, _ store: any BlobStore) async throws -> IgnoreRules {
            var bytes: [UInt8] = []
            try await OrderedRead(store: store, ahead: 1).read([file]) { bytes.append(contentsOf: $1) }
            // The library refuses to upload beside a file that it cannot read.
            return try IgnoreRules(String(decoding: bytes, as: UTF8.self))
        }

        /// The files in the order of the hash, by their numbers among `blobs`, the hash's steps over them, and the files
        /// that it leaves out.
        func order(_ blobs: [String]) -> (files: [Int], steps: [Step], others: [Int]) {
            let names = blobs.map { blob in
                blob.utf8.dropFirst(path.utf8.count).split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
            }
            var files: [Int] = []
            let steps = StoredArtifact.steps(names, rules: rules).map { step -> Step in
                guard case .bytes(let file) = step else { return step }
                files.append(file)
                return .bytes(files.count - 1)
            }
            let hashed = Set(files)
            return (files, steps, blobs.indices.filter { !hashed.contains($0) })
        }
    }
}

extension ArtifactHash {
    /// The object hash of files that are read one after the other.
    struct Sequence: ~Copyable {
        private let steps: [StoredArtifact.Step]
        private var next = 0
        private var hasher = SHA256Hasher()

        init(_ steps: [StoredArtifact.Step]) {
            self.steps = steps
            hasher.update(ArtifactHash.seed)
        }

        /// - Parameter file: never one before that of the last call; empty files do without a call.
        mutating func add(_ bytes: UnsafeRawBufferPointer, of file: Int) {
            advance { $0 == .bytes(file) }
            hasher.update(bytes)
        }

        consuming func finish() -> String {
            advance { _ in false }
            return ArtifactHash.hexadecimal(hasher.finish())
        }

        /// Goes through names up to the step that is wanted, and stays there.
        private mutating func advance(to isThere: (StoredArtifact.Step) -> Bool) {
            while next < steps.count, !isThere(steps[next]) {
                if case .name(let name) = steps[next] { hasher.update(name) }
                next += 1
            }
        }
    }
}
