import BlobStorage
import FileSystemSuite
import Glibc
import OutputConventions
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// `/runs`, `/datastores` and `/uploads` as programs see them: SEMANTICS.md §1.12.
@Suite("Azure ML's views", .timeLimit(.minutes(5)))
struct AzureMLViewTests {
    private func with(
        keepsNames: Bool = false,
        _ body: @escaping @Sendable (TreeWorld, MemoryStore) throws -> Void
    ) async throws {
        try await onOwnThread {
            let world = try TreeWorld(keepsNames: keepsNames)
            defer { world.end() }
            for container in ["azureml", blobstore] { world.store.addContainer(container) }
            try body(world, world.store)
        }
    }

    @Test func `a run's files are read, written and followed where they are`() async throws {
        try await with { (world, store) throws in
            let log = BlobAddress(container: "azureml", name: "ExperimentRun/dcid.r/user_logs/std_log.txt")
            store.add(log, Array("one\n".utf8), type: .append)
            #expect(try world.files.names("runs") == ["r"])
            #expect(try world.files.names("runs/r") == ["outputs", "user_logs"])
            #expect(try world.files.readText("runs/r/user_logs/std_log.txt") == "one\n")
            #expect(try world.files.names("runs/r/outputs") == [])
            try world.files.writeFile("runs/r/outputs/note", "mine")
            let note = BlobAddress(container: "azureml", name: "ExperimentRun/dcid.r/outputs/note")
            #expect(store.bytes(of: note) == Array("mine".utf8))
            #expect(try world.files.names("runs/r/outputs") == ["note"])
            expect(.notPermitted) { try world.files.makeDirectory("runs/other") }
            expect(.notPermitted) { try world.files.makeDirectory("runs/r/other") }
            expect(.notPermitted) { try world.files.writeFile("runs/r/note", "x") }
            expect(.directoryNotEmpty) { try world.files.removeDirectory("runs/r") }
            expect(.noSuchFileOrDirectory) { try world.files.status("runs/none") }
            expect(.noSuchFileOrDirectory) { try world.files.status("runs/r/system_logs") }
        }
    }

    @Test func `one blob is one file under all its paths`() async throws {
        try await with { (world, store) throws in
            store.add(BlobAddress(container: "azureml", name: "ExperimentRun/dcid.r/outputs/f"), [1])
            let paths = [
                "runs/r/outputs/f", "datastores/workspaceartifactstore/ExperimentRun/dcid.r/outputs/f",
                "containers/azureml/ExperimentRun/dcid.r/outputs/f",
            ]
            #expect(Set(try paths.map { try world.files.status($0).inode }).count == 1)
            let descriptor = try world.files.open(paths[0], O_WRONLY, permissions: 0)
            try world.files.pwrite(descriptor, [2, 3], at: 0)
            for path in paths { #expect(try world.files.status(path).size == 2) }
            try world.files.close(descriptor)
        }
    }

    @Test func `a file named like one of a run's folders is shown beside it, and its marker is not`() async throws {
        try await with { (world, store) throws in
            let root = "ExperimentRun/dcid.r/"
            store.add(BlobAddress(container: "azureml", name: root + "outputs/x"), [1])
            store.add(BlobAddress(container: "azureml", name: root + "outputs"), [1, 2])
            store.add(BlobAddress(container: "azureml", name: root + "logs"), [1, 2, 3])
            store.add(
                BlobAddress(container: "azureml", name: root + "user_logs"),
                metadata: ["hdi_isfolder": "true"]
            )
            #expect(try world.files.names("runs/r") == ["artifacts", "outputs", "user_logs"])
            #expect(try world.files.names("runs/r/artifacts") == ["%=logs%file", "%=outputs%file"])
            #expect(try world.files.status("runs/r/artifacts/%=outputs%file").size == 2)
            #expect(try world.files.status("runs/r/artifacts/%=logs%file").size == 3)
            for name in ["outputs", "logs", "user_logs", "%=user_logs%file"] {
                expect(.noSuchFileOrDirectory) { try world.files.status("runs/r/artifacts/\(name)") }
            }
        }
    }

    @Test func `attributes tell what Azure ML knows of a file and of its folders`() async throws {
        try await with { (world, store) throws in
            let id = String(repeating: "0f", count: 32)
            upload(id, "data/a.csv", store, "iris", "7")
            store.add(BlobAddress(container: blobstore, name: "LocalUpload/\(id)/data/b.csv"), [1])
            let expected = [
                "user.azureml.asset_name": "iris", "user.azureml.asset_version": "7",
                "user.azureml.object_hash": id, "user.azureml.upload_status": "completed",
            ]
            let folder = "datastores/workspaceblobstore/LocalUpload/\(id)"
            for path in [
                folder, "\(folder)/data", "\(folder)/data/b.csv", "uploads/iris@7", "uploads/iris@7/data/a.csv",
            ] {
                let names = try world.files.attributes(path).filter { $0.hasPrefix("user.azureml.") }
                #expect(Set(names) == Set(expected.keys).union(["user.azureml.uri"]), "\(path)")
                for (name, value) in expected {
                    #expect(String(decoding: try world.files.attribute(path, name), as: UTF8.self) == value)
                }
            }
            let uri = try world.files.attribute("uploads/iris@7/data/b.csv", "user.azureml.uri")
            #expect(
                String(decoding: uri, as: UTF8.self)
                    == "azureml://datastores/workspaceblobstore/paths/LocalUpload/\(id)/data/b.csv"
            )
            expect(.notPermitted) {
                try world.files.setAttribute("\(folder)/data/a.csv", "user.azureml.uri", [1], flags: 0)
            }
            // It costs what a stat does, and one request for the upload: whether it is what it was.
            func requests(_ body: () throws -> Void) rethrows -> Int {
                let before = store.counts.values.reduce(0, +)
                world.letValidityPass()
                try body()
                return store.counts.values.reduce(0, +) - before
            }
            let path = "\(folder)/data/b.csv"
            let status = try requests { _ = try world.files.status(path) }
            #expect(try requests { _ = try world.files.attribute(path, "user.azureml.asset_name") } == status + 1)
        }
    }

    @Test func `what is no upload has its uri only, and what is in no datastore nothing`() async throws {
        try await with { (world, store) throws in
            store.add(BlobAddress(container: "azureml", name: "ExperimentRun/dcid.r/outputs/f"), [1])
            store.add(BlobAddress(container: "other", name: "LocalUpload/1/f"), [1])
            store.add(BlobAddress(container: blobstore, name: "LocalUpload/1/f"), [1])
            let names = try world.files.attributes("runs/r/outputs/f").filter { $0.hasPrefix("user.azureml.") }
            #expect(names == ["user.azureml.uri"])
            #expect(
                try world.files.attributes("containers/other/LocalUpload/1/f").allSatisfy { !$0.contains("azureml") }
            )
            expect(.noData) { try world.files.attribute("containers/other/LocalUpload/1/f", "user.azureml.uri") }
            let status = try world.files.attribute(
                "containers/\(blobstore)/LocalUpload/1/f",
                "user.azureml.upload_status"
            )
            #expect(String(decoding: status, as: UTF8.self) == "unconfirmed")
        }
    }
}

let blobstore = "azureml-blobstore-0f3c"

/// What a client leaves that uploaded a file and confirmed it.
func upload(_ id: String, _ path: String, _ store: MemoryStore, _ name: String = "iris", _ version: String = "1") {
    store.add(
        BlobAddress(container: blobstore, name: "LocalUpload/\(id)/\(path)"),
        Array("confirmed".utf8),
        metadata: ["upload_status": "completed", "name": name, "version": version]
    )
}
