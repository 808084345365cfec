import BlobStorage
import FileSystemSuite
import Glibc
import OutputConventions
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// What is confirmed does not change, and is not asked for again: SEMANTICS.md §1.12.
@Suite("Confirmed uploads", .timeLimit(.minutes(5)))
struct ConfirmedUploadTests {
    private static let below = "containers/\(blobstore)/LocalUpload"

    private func with(_ body: @escaping @Sendable (TreeWorld, MemoryStore) throws -> Void) async throws {
        for keepsNames in [false, true] {
            try await onOwnThread {
                let world = try TreeWorld(keepsNames: keepsNames)
                defer { world.end() }
                for container in ["azureml", blobstore] { world.store.addContainer(container) }
                try body(world, world.store)
            }
        }
    }

    @Test(arguments: [
        "datastores/workspaceblobstore/LocalUpload/1", "uploads/iris@1", "containers/\(blobstore)/LocalUpload/1",
    ])
    func `nothing in it can be changed or made`(folder: String) async throws {
        try await with { (world, store) throws in
            upload("1", "data/f", store)
            try world.files.writeFile("datastores/workspaceblobstore/mine", "mine")
            let path = "\(folder)/data/f"
            let file = world.files
            expect(.notPermitted) { try file.open(path, O_WRONLY, permissions: 0) }
            expect(.notPermitted) { try file.open(path, O_WRONLY | O_TRUNC, permissions: 0) }
            expect(.notPermitted) {
                try file.open("\(folder)/data/new", O_WRONLY | O_CREAT | O_EXCL, permissions: 0o644)
            }
            expect(.notPermitted) { try file.open("\(folder)/data/new", O_WRONLY | O_CREAT, permissions: 0o644) }
            expect(.notPermitted) { try file.truncate(path, to: 0) }
            expect(.notPermitted) { try file.setPermissions(path, 0o600) }
            expect(.notPermitted) { try file.setPermissions("\(folder)/data", 0o700) }
            expect(.notPermitted) { try file.setPermissions(folder, 0o700) }
            expect(.notPermitted) { try file.setAttribute(path, "user.mine", [1], flags: 0) }
            expect(.notPermitted) { try file.makeNode("\(folder)/data/new", permissions: 0o644) }
            expect(.notPermitted) { try file.makeDirectory("\(folder)/data/new", permissions: 0o755) }
            expect(.notPermitted) { try file.makeLink("\(folder)/data/new", to: "f") }
            expect(.notPermitted) { try file.rename("datastores/workspaceblobstore/mine", to: path, flags: 0) }
            expect(.notPermitted) {
                try file.rename("datastores/workspaceblobstore/mine", to: "\(folder)/new", flags: 0)
            }
            #expect(store.blobNames(in: blobstore) == ["LocalUpload/1/data/f", "mine"])
            #expect(try world.files.readText(path) == "confirmed")
        }
    }

    @Test(arguments: ["datastores/workspaceblobstore/LocalUpload/1", "uploads/iris@1"])
    func `it is removed by its name in the container only`(folder: String) async throws {
        try await with { (world, store) throws in
            upload("1", "data/f", store)
            expect(.notPermitted) { try world.files.unlink("\(folder)/data/f") }
            expect(.notPermitted) { try world.files.removeDirectory("\(folder)/data") }
            expect(.notPermitted) {
                try world.files.rename("\(folder)/data/f", to: "datastores/workspaceblobstore/f", flags: 0)
            }
            expect(.notPermitted) {
                try world.files.rename("\(folder)/data", to: "datastores/workspaceblobstore/d", flags: 0)
            }
            expect(.notPermitted) {
                try world.files.rename(
                    "datastores/workspaceblobstore/LocalUpload",
                    to: "datastores/workspaceblobstore/d",
                    flags: 0
                )
            }
            #expect(store.blobNames(in: blobstore) == ["LocalUpload/1/data/f"])
            try world.files.unlink("\(Self.below)/1/data/f")
            #expect(store.blobNames(in: blobstore) == [])
            world.letValidityPass()
            expect(.noSuchFileOrDirectory) { try world.files.status("uploads/iris@1") }
        }
    }

    @Test func `before it is confirmed an upload is made like any files`() async throws {
        try await with { (world, store) throws in
            try world.files.makeDirectory("datastores/workspaceblobstore/LocalUpload", permissions: 0o755)
            try world.files.makeDirectory("datastores/workspaceblobstore/LocalUpload/1", permissions: 0o755)
            try world.files.writeFile("datastores/workspaceblobstore/LocalUpload/1/f", "x")
            try world.files.writeFile("datastores/workspaceblobstore/LocalUpload/1/f", "again")
            #expect(store.bytes(of: BlobAddress(container: blobstore, name: "LocalUpload/1/f")) == Array("again".utf8))
            store.change(BlobAddress(container: blobstore, name: "LocalUpload/1/f")) {
                $0.metadata["upload_status"] = "completed"
            }
            world.letValidityPass()
            expect(.notPermitted) { try world.files.writeFile("datastores/workspaceblobstore/LocalUpload/1/f", "late") }
        }
    }

    @Test func `once it is known, opening and stat ask nobody`() async throws {
        try await with { (world, store) throws in
            upload("1", "f", store)
            #expect(try world.files.names("uploads") == ["iris@1"])
            world.letValidityPass()
            let folder = "uploads/iris@1"
            let path = "\(folder)/f"
            // Kept open by one program, so that the kernel does not forget the file.
            let first = try world.files.open(path, O_RDONLY, permissions: 0)
            #expect(try world.files.pread(first, count: 100, at: 0) == Array("confirmed".utf8))
            world.letValidityPass()
            // What the way to the files costs is the folder's.
            let way = try world.requestsOfThreeRounds { _ = try world.files.status(folder) }
            #expect(try world.requestsOfThreeRounds { _ = try world.files.readText(path) } == way)
            #expect(try world.requestsOfThreeRounds { _ = try world.files.status(path) } == way)
            try world.files.close(first)
        }
    }

    @Test func `a blob in a folder of another name is asked for at each open`() async throws {
        try await with { (world, store) throws in
            let address = BlobAddress(container: blobstore, name: "LocalUploads/1/f")
            store.add(address, [1], metadata: ["upload_status": "completed"])
            let path = "datastores/workspaceblobstore/LocalUploads/1/f"
            let first = try world.files.open(path, O_RDONLY, permissions: 0)
            _ = try world.files.pread(first, count: 1, at: 0)
            world.letValidityPass()
            let before = store.count(of: .properties) + store.count(of: .read)
            _ = try world.files.readText(path)
            #expect(store.count(of: .properties) + store.count(of: .read) > before)
            try world.files.close(first)
        }
    }

    @Test func `an upload that somebody made anew is read anew after one failure`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            let store = world.store
            store.addContainer("azureml")
            let address = BlobAddress(container: blobstore, name: "LocalUpload/1/f")
            func put(_ byte: UInt8) {
                store.add(address, pattern(700_000).map { $0 ^ byte }, metadata: ["upload_status": "completed"])
            }
            put(0)
            let path = "datastores/workspaceblobstore/LocalUpload/1/f"
            let first = try world.files.open(path, O_RDONLY, permissions: 0)
            _ = try world.files.attribute(path, "user.azureml.upload_status")
            try world.files.close(try world.files.open(path, O_RDONLY, permissions: 0))
            put(1)
            world.letValidityPass()
            expect(Errno(rawValue: ESTALE)) { try world.files.pread(first, count: 1000, at: 600_000) }
            world.letValidityPass()
            let second = try world.files.open(path, O_RDONLY, permissions: 0)
            #expect(
                try world.files.pread(second, count: 10, at: 600_000)
                    == pattern(700_000)[600_000..<600_010].map { $0 ^ 1 }
            )
            try world.files.close(second)
            try world.files.close(first)
        }
    }
}
