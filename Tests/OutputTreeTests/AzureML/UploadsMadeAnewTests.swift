import BlobStorage
import FileSystemSuite
import Glibc
import OutputConventions
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// Confirmed uploads that are taken away and made anew: SEMANTICS.md §1.12.
@Suite("Uploads made anew", .timeLimit(.minutes(5)))
struct UploadsMadeAnewTests {
    private static let path = "datastores/workspaceblobstore/LocalUpload/1/f"
    private static let address = BlobAddress(container: blobstore, name: "LocalUpload/1/f")

    private func with(
        _ datastores: [ConfiguredDatastore] = [],
        _ body: @escaping @Sendable (TreeWorld, MemoryStore) throws -> Void
    ) async throws {
        for keepsNames in [false, true] {
            try await onOwnThread {
                let world = try TreeWorld(keepsNames: keepsNames) { $0.datastores = datastores }
                defer { world.end() }
                for container in ["azureml", blobstore] { world.store.addContainer(container) }
                upload("1", "f", world.store)
                try body(world, world.store)
            }
        }
    }

    private func status(_ world: TreeWorld) throws -> String {
        String(decoding: try world.files.attribute(Self.path, "user.azureml.upload_status"), as: UTF8.self)
    }

    @Test func `one that is not confirmed any more is read anew, and written`() async throws {
        try await with { world, store in
            #expect(try world.files.readText(Self.path) == "confirmed")
            #expect(try status(world) == "completed")
            store.remove(Self.address)
            store.add(Self.address, Array("made anew".utf8))
            world.clock.advance(by: .seconds(3600))
            #expect(try world.files.readText(Self.path) == "made anew")
            #expect(try status(world) == "unconfirmed")
            store.add(Self.address, Array("and again".utf8))
            world.letValidityPass()
            #expect(try world.files.readText(Self.path) == "and again")
            try world.files.writeFile(Self.path, "mine")
            #expect(store.bytes(of: Self.address) == Array("mine".utf8))
        }
    }

    @Test func `one that is confirmed again is read anew by who has its files open`() async throws {
        try await with { world, store in
            let first = try world.files.open(Self.path, O_RDONLY, permissions: 0)
            #expect(try world.files.pread(first, count: 100, at: 0) == Array("confirmed".utf8))
            #expect(try status(world) == "completed")
            store.remove(Self.address)
            store.add(Self.address, Array("made anew".utf8), metadata: ["upload_status": "completed"])
            world.clock.advance(by: .seconds(3600))
            #expect(try world.files.readText(Self.path) == "made anew")
            #expect(try status(world) == "completed")
            expect(.notPermitted) { try world.files.writeFile(Self.path, "late") }
            try world.files.close(first)
        }
    }

    @Test func `what may be changed is asked when somebody wants to change it`() async throws {
        try await with { world, store in
            expect(.notPermitted) { try world.files.writeFile(Self.path, "early") }
            store.remove(Self.address)
            store.add(Self.address, Array("made anew".utf8))
            world.letValidityPass()
            try world.files.writeFile(Self.path, "mine")
            #expect(store.bytes(of: Self.address) == Array("mine".utf8))
        }
    }

    @Test func `what was removed here is forgotten at once`() async throws {
        try await with { world, store in
            expect(.notPermitted) { try world.files.writeFile(Self.path, "early") }
            try world.files.unlink("containers/\(blobstore)/LocalUpload/1/f")
            try world.files.writeFile(Self.path, "mine")
            #expect(store.bytes(of: Self.address) == Array("mine".utf8))
            #expect(try world.files.readText(Self.path) == "mine")
        }
    }

    @Test func `a file that is not what it was ends what was known of the whole upload`() async throws {
        try await with { world, store in
            let other = BlobAddress(container: blobstore, name: "LocalUpload/1/g")
            store.add(other, Array("beside".utf8))
            let path = "datastores/workspaceblobstore/LocalUpload/1/g"
            let first = try world.files.open(path, O_RDONLY, permissions: 0)
            #expect(try world.files.pread(first, count: 100, at: 0) == Array("beside".utf8))
            #expect(try status(world) == "completed")
            #expect(try world.files.readText(path) == "beside")
            for address in [Self.address, other] {
                store.remove(address)
                store.add(address, Array("made anew".utf8))
            }
            world.letValidityPass()
            // Nothing was remembered of this one, so that the store is asked: the other one is then, too.
            _ = try world.files.names("datastores/workspaceblobstore/LocalUpload/1")
            #expect(try world.files.readText(Self.path) == "made anew")
            #expect(try world.files.readText(path) == "made anew")
            try world.files.close(first)
        }
    }

    @Test func `an hour costs a request for the upload and one for each file that is used`() async throws {
        try await with { world, store in
            for file in ["g", "h"] { store.add(BlobAddress(container: blobstore, name: "LocalUpload/1/\(file)"), [1]) }
            let folder = "datastores/workspaceblobstore/LocalUpload/1"
            let paths = ["g", "h"].map { "\(folder)/\($0)" }
            #expect(try world.files.names("uploads") == ["iris@1"])
            let open = try paths.map { path throws(Errno) in
                try world.files.open(path, O_RDONLY, permissions: 0)
            }
            for descriptor in open { _ = try world.files.pread(descriptor, count: 1, at: 0) }
            for _ in 0..<2 {
                world.clock.advance(by: .seconds(3600))
                // What the way to the files costs is the folder's.
                let way = try world.requestsOfThreeRounds { for _ in 0..<4 { _ = try world.files.status(folder) } }
                let files = try world.requestsOfThreeRounds {
                    for path in paths {
                        try world.files.close(try world.files.open(path, O_RDONLY, permissions: 0))
                        _ = try world.files.status(path)
                    }
                }
                #expect(files - way <= 1 + 2)
            }
            for descriptor in open { try world.files.close(descriptor) }
        }
    }

    @Test(arguments: ["LocalUpload/", "LocalUpload/1/"])
    func `a datastore among uploads does not make them writable`(prefix: String) async throws {
        let inner = ConfiguredDatastore(name: "inner", container: blobstore, prefix: prefix)
        try await with([inner]) { world, store in
            let path = "datastores/inner/\(prefix == "LocalUpload/" ? "1/" : "")"
            expect(.notPermitted) { try world.files.writeFile("\(path)f", "mine") }
            expect(.notPermitted) { try world.files.writeFile("\(path)new", "mine") }
            expect(.notPermitted) { try world.files.unlink("\(path)f") }
            expect(.notPermitted) { try world.files.writeFile(Self.path, "mine") }
            #expect(try world.files.readText("\(path)f") == "confirmed")
            try world.files.unlink("containers/\(blobstore)/LocalUpload/1/f")
            #expect(store.blobNames(in: blobstore) == [])
        }
    }
}
