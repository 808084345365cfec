import Foundation
import OutputTransfer
import TestSupport
import Testing

struct ArtifactHashTests {
    private struct Recorded: Decodable {
        struct Case: Decodable, Sendable {
            var name: String
            /// Pairs, since a dictionary would take composed and decomposed letters for one.
            var files: [[String]]
            var symlinks: [[String]]
            var emptydirs: [String]
            var target: String
            var object_hash: String
            var content_hash: String
            var uploaded: [String]
        }
        var vectors: [Case]
    }

    @Test func hashesAndUploadsAreThoseOfTheLibrary() throws {
        let recorded: Recorded = try Vectors.load("aml_hash_vectors")
        #expect(recorded.vectors.count == 13)
        for vector in recorded.vectors {
            let directory = try TemporaryDirectory()
            try make(vector, in: directory.path)
            let folder = try ArtifactFolder("\(directory.path)/\(vector.target)")
            let files = try folder.files()
            #expect(try ArtifactHash.object(of: folder) == vector.object_hash, "\(vector.name)")
            #expect(try ArtifactHash.content(of: files) == vector.content_hash, "\(vector.name)")
            #expect(Set(bytes(files.map(\.relativePath))) == Set(bytes(vector.uploaded)), "\(vector.name)")
        }
    }

    @Test func differentFoldersCanHaveOneObjectHashAndNeverOneContentHash() throws {
        let (one, other) = (try TemporaryDirectory(), try TemporaryDirectory())
        try write("bc", to: "\(one.path)/a")
        try write("", to: "\(other.path)/a")
        try write("c", to: "\(other.path)/b")
        let folders = [try ArtifactFolder(one.path), try ArtifactFolder(other.path)]
        #expect(try ArtifactHash.object(of: folders[0]) == ArtifactHash.object(of: folders[1]))
        #expect(try ArtifactHash.content(of: folders[0].files()) != ArtifactHash.content(of: folders[1].files()))
    }

    @Test func aLinkThatLeadsBackUpIsNamed() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/loop",
            withDestinationPath: directory.path
        )
        let folder = try ArtifactFolder(directory.path)
        for action in [{ _ = try folder.files() }, { _ = try ArtifactHash.object(of: folder) }] {
            let error = try #require(throws: LocalFileError.self, performing: action)
            #expect(error.path.hasSuffix("/loop"))
            #expect(error.problem == "is a link that leads back to itself")
        }
    }

    @Test func aLinkThatLeadsNowhereCannotBeUploadedUnlessItIsIgnored() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createSymbolicLink(atPath: "\(directory.path)/gone", withDestinationPath: "nowhere")
        #expect(throws: LocalFileError.self) { try ArtifactFolder(directory.path).files() }
        try write("gone\n", to: "\(directory.path)/.amlignore")
        #expect(try ArtifactFolder(directory.path).files().map(\.relativePath) == [".amlignore"])
    }

    @Test func aBadIgnoreFileIsNamedWithItsLine() throws {
        let directory = try TemporaryDirectory()
        try write("fine\nbad\\\n", to: "\(directory.path)/.amlignore")
        let error = try #require(throws: LocalFileError.self) { try ArtifactFolder(directory.path) }
        #expect(
            error.description.hasSuffix("/.amlignore cannot be used: line 2 (bad\\): nothing follows the \\ at its end")
        )
    }

    private func make(_ vector: Recorded.Case, in directory: String) throws {
        for file in vector.files { try write(file[1], to: "\(directory)/\(file[0])") }
        for path in vector.emptydirs {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(path)",
                withIntermediateDirectories: true
            )
        }
        for link in vector.symlinks {
            try FileManager.default.createSymbolicLink(
                atPath: "\(directory)/\(link[0])",
                withDestinationPath: link[1]
            )
        }
    }

    private func write(_ text: String, to path: String) throws {
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
    }

    /// `String`'s own comparison takes composed and decomposed letters for one.
    private func bytes(_ names: [String]) -> [[UInt8]] { names.map { Array($0.utf8) } }
}
