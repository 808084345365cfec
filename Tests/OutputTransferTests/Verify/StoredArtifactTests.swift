import BlobStorage
import OutputConventions
import TestSupport
import Testing

@testable import OutputTransfer

/// The hash of an upload from what is in the store, held against what azure-ai-ml computed from the folder.
struct StoredArtifactTests {
    private struct Recorded: Decodable {
        struct Case: Decodable, Sendable {
            var name: String
            var files: [[String]]
            var symlinks: [[String]]
            var emptydirs: [String]
            var target: String
            var object_hash: String
            var uploaded: [String]
        }
        var vectors: [Case]
    }

    @Test func `the hash over the blobs is that of the library's folder`() throws {
        let recorded: Recorded = try Vectors.load("aml_hash_vectors")
        var compared = 0
        // Links and empty folders leave nothing in the store by which they could be told.
        for vector in recorded.vectors where vector.symlinks.isEmpty && vector.emptydirs.isEmpty {
            // Nor do folders of which everything is ignored, by their names or by what is in them.
            let uploaded = Set(vector.uploaded.flatMap { Self.folders(of: "\(vector.target)/\($0)") })
            guard vector.files.allSatisfy({ uploaded.isSuperset(of: Self.folders(of: $0[0])) }) else { continue }
            let isFile = vector.files.contains { $0[0].utf8.elementsEqual(vector.target.utf8) }
            let contents = vector.uploaded.map { name in
                let path = isFile ? vector.target : "\(vector.target)/\(name)"
                return vector.files.first { $0[0].utf8.elementsEqual(path.utf8) }?[1] ?? ""
            }
            let ignoreFile =
                vector.uploaded.firstIndex(of: ".amlignore") ?? vector.uploaded.firstIndex(of: ".gitignore")
            let rules = try ignoreFile.map { try IgnoreRules(contents[$0]) } ?? IgnoreRules()
            let names = vector.uploaded.map { isFile ? [] : $0.split(separator: "/").map(String.init) }
            #expect(hash(names, contents, rules) == vector.object_hash, "\(vector.name)")
            compared += 1
        }
        #expect(compared >= 6)
    }

    private static func folders(of path: String) -> Set<[String]> {
        let names = path.split(separator: "/").map(String.init)
        return Set((1..<max(2, names.count)).map { Array(names.prefix($0)) })
    }

    private func hash(_ names: [[String]], _ contents: [String], _ rules: IgnoreRules) -> String {
        let steps = StoredArtifact.steps(names, rules: rules)
        var order: [Int] = []
        let renumbered = steps.map { step -> StoredArtifact.Step in
            guard case .bytes(let file) = step else { return step }
            order.append(file)
            return .bytes(order.count - 1)
        }
        var sequence = ArtifactHash.Sequence(renumbered)
        for (index, file) in order.enumerated() where !contents[file].isEmpty {
            // In two pieces, as a large file comes.
            Array(contents[file].utf8).withUnsafeBytes { bytes in
                let half = bytes.count / 2
                if half > 0 { sequence.add(UnsafeRawBufferPointer(rebasing: bytes[..<half]), of: index) }
                sequence.add(UnsafeRawBufferPointer(rebasing: bytes[half...]), of: index)
            }
        }
        return sequence.finish()
    }

    @Test func `what an ignored folder holds is not hashed though it was uploaded`() throws {
        // The library prunes folders where it hashes, and not where it uploads.
        let files = [[".amlignore"], ["models", "keep.bin"], ["k"]]
        let rules = try IgnoreRules("models\n!models/keep.bin\n")
        #expect(
            StoredArtifact.steps(files, rules: rules) == [.name(".amlignore"), .bytes(0), .name("k"), .bytes(2)]
        )
        #expect(StoredArtifact.steps([[]], rules: IgnoreRules()) == [.bytes(0)])
    }

    @Test func `only folders named by a hash are uploads`() throws {
        let hash = String(repeating: "0a", count: 32)
        func artifact(_ name: String) -> StoredArtifact? { StoredArtifact(BlobAddress(container: "c", name: name)) }
        #expect(artifact("LocalUpload/\(hash)/data/sub/a")?.path == "LocalUpload/\(hash)/data")
        #expect(artifact("LocalUpload/\(hash)/model.bin")?.name == "model.bin")
        #expect(artifact("LocalUpload/\(hash)/") == nil)
        #expect(artifact("LocalUpload/\(hash)") == nil)
        // A random id, and the MD5 of older clients.
        #expect(artifact("LocalUpload/6f1e2d3c-0000-4000-8000-000000000000/data/a") == nil)
        #expect(artifact("LocalUpload/\(hash.prefix(32))/data/a") == nil)
        #expect(artifact("LocalUpload/\(hash.uppercased())/data/a") == nil)
    }
}
