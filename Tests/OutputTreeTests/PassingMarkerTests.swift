import FileSystemSuite
import OutputConventions
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// Folders made in the container of luisy's projects leave no blobs once there are files: SEMANTICS.md §1.14.
@Suite("Markers of directories in luisy's container", .timeLimit(.minutes(5)))
struct PassingMarkerTests {
    private func with(_ body: @escaping @Sendable (TreeWorld) throws -> Void) async throws {
        try await onOwnThread {
            let world = try TreeWorld { $0.views = ShownViews(OutputView.allCases, luisyContainer: "luisy") }
            defer { world.end() }
            world.store.addContainer("luisy")
            try body(world)
        }
    }

    @Test func `pass when a directory with files is moved in`() async throws {
        try await with { world in
            for folder in ["demo", "demo/raw", "other"] { try world.files.makeDirectory("projects/\(folder)") }
            try world.files.writeFile("projects/other/f", "x")
            try world.files.rename("projects/other", to: "projects/demo/raw/table", flags: 0)
            #expect(world.store.blobNames(in: "luisy") == ["demo/raw/table/f"])
            #expect(try world.files.names("projects/demo/raw") == ["table"])
        }
    }

    @Test func `pass under the name that the directory got while it was empty`() async throws {
        try await with { world in
            for folder in ["a", "a/b"] { try world.files.makeDirectory("projects/\(folder)") }
            try world.files.rename("projects/a", to: "projects/c", flags: 0)
            #expect(world.store.blobNames(in: "luisy") == ["c", "c/b"])
            try world.files.writeFile("projects/c/b/f", "x")
            #expect(world.store.blobNames(in: "luisy") == ["c/b/f"])
        }
    }
}
