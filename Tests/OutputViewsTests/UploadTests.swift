import BlobStorage
import OutputConventions
import OutputViews
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct UploadTests {
    private let hash = String(repeating: "ab", count: 32)

    @Test func `an upload is shown by its asset once it is confirmed`() async throws {
        let workspace = Workspace()
        let path = "\(Workspace.blobstore)/LocalUpload/\(hash)/data"
        let first = workspace.put("\(path)/a.csv")
        workspace.put("\(path)/b.csv")
        #expect(try await workspace.names(.uploads) == [])
        workspace.store.change(first) { $0.metadata = ["upload_status": "completed", "name": "iris", "version": "3"] }
        #expect(try await workspace.names(.uploads) == ["iris@3"])
        let place = folder(.uploads, "\(Workspace.blobstore)/LocalUpload/\(hash)/")
        #expect(try await workspace.place(.uploads, "", "iris@3") == place)
        #expect(try await workspace.place(.uploads, "", "iris@4") == nil)
    }

    @Test func `both folders of all datastores are looked at, the confirmation wherever it is`() async throws {
        let far = ConfiguredDatastore(name: "far", container: "far:box", prefix: "deep/")
        let workspace = Workspace(GatheredSource(datastores: [far]))
        workspace.putUpload("1", "one")
        workspace.putUpload("2", "two", in: "azureml")
        workspace.put("\(Workspace.blobstore)/az-ml-artifacts/3/x", metadata: confirmed("three"))
        workspace.put("far:box/deep/LocalUpload/4/x", metadata: confirmed("four"))
        workspace.put("far:box/LocalUpload/5/x", metadata: confirmed("not there"))
        for number in 0..<40 { workspace.put("azureml/LocalUpload/6/data/\(number)") }
        workspace.put("azureml/LocalUpload/6/data/z", metadata: confirmed("six"))
        #expect(try await workspace.names(.uploads) == ["four@1", "one@1", "six@1", "three@1", "two@1"])
    }

    @Test func `two uploads of one version are both shown, and the older keeps its name`() async throws {
        let workspace = Workspace()
        workspace.putUpload("bb", "iris")
        workspace.putUpload("aa", "iris")
        #expect(try await workspace.names(.uploads) == ["%=iris@1%@aa", "iris@1"])
        let older = folder(.uploads, "\(Workspace.blobstore)/LocalUpload/bb/")
        #expect(try await workspace.place(.uploads, "", "iris@1") == older)
        workspace.putUpload("aa", "iris", in: "azureml")
        #expect(
            try await workspace.names(.uploads) == ["%=iris@1%@aa", "%=iris@1%@aa@azureml", "iris@1"]
        )
    }

    @Test func `an asset that is named badly, or not at all, is shown all the same`() async throws {
        let workspace = Workspace()
        workspace.putUpload("1", "a/b%c")
        workspace.putUpload("2", nil, nil)
        workspace.putUpload("3", "plain", nil)
        workspace.putUpload("4", String(repeating: "x", count: 300))
        workspace.putUpload("5", String(repeating: "x", count: 300))
        let names = try await workspace.names(.uploads)
        #expect(names.filter { !$0.contains("xxx") } == ["%=a%2Fb%25c@1", "2", "plain"])
        let long = names.filter { $0.contains("xxx") }
        #expect(long.count == 2 && long.allSatisfy { $0.utf8.count <= 255 })
        for name in names { #expect(try await workspace.place(.uploads, "", name) != nil) }
    }

    @Test func `each confirmed upload is asked for once`() async throws {
        // 10,000 in pages of 5,000, smaller by a factor of a hundred.
        let workspace = Workspace(habits: ListingHabits(pageSizeMax: 50, repeatsPrefixes: true))
        for number in 0..<100 { workspace.putUpload("\(number)", "asset\(number)") }
        let first = try await workspace.requests { () async throws in
            #expect(try await workspace.names(.uploads).count == 100)
        }
        #expect((100...108).contains(first))
        let again = try await workspace.requests { () async throws in
            #expect(try await workspace.names(.uploads).count == 100)
        }
        // The containers; three pages of one folder, and one of each of the other three.
        #expect(again <= 1 + 3 + 3)
        let found = try await workspace.requests { _ = try await workspace.place(.uploads, "", "asset77@1") }
        #expect(found == 1)
    }

    @Test func `an upload that was taken away is not found by what is remembered`() async throws {
        let workspace = Workspace()
        workspace.putUpload("1", "iris")
        #expect(try await workspace.names(.uploads) == ["iris@1"])
        workspace.store.remove(BlobAddress("\(Workspace.blobstore)/LocalUpload/1/data.csv"))
        #expect(try await workspace.place(.uploads, "", "iris@1") == nil)
        #expect(try await workspace.names(.uploads) == [])
    }

    @Test func `a hierarchical namespace confirms the directory`() async throws {
        let workspace = Workspace(namespace: .hierarchical)
        let file = workspace.put("\(Workspace.blobstore)/LocalUpload/1/data.csv")
        #expect(try await workspace.names(.uploads) == [])
        workspace.store.change(BlobAddress(container: file.container, name: "LocalUpload/1")) {
            $0.metadata = confirmed("iris")
        }
        #expect(try await workspace.names(.uploads) == ["iris@1"])
    }

    @Test func `that an upload is not confirmed is known for as long as it is asked for`() async throws {
        let workspace = Workspace()
        let first = workspace.put("\(Workspace.blobstore)/LocalUpload/1/x")
        let upload = try #require(UploadFolder(container: Workspace.blobstore, prefix: "LocalUpload/1/"))
        #expect(try await workspace.gatherer.upload(in: upload, validity: .seconds(1)) == nil)
        workspace.store.change(first) { $0.metadata = confirmed("iris") }
        #expect(try await workspace.gatherer.upload(in: upload, validity: .seconds(1)) == nil)
        workspace.clock.advance(by: .seconds(1))
        #expect(try await workspace.gatherer.upload(in: upload, validity: .seconds(1))?.name == "iris")
        #expect(workspace.gatherer.knownUpload(of: first)?.version == "1")
    }

    @Test func `a folder that cannot be asked fails the listing`() async throws {
        let workspace = Workspace()
        workspace.putUpload("1", "iris")
        workspace.putUpload("2", "iris")
        // The four folders of uploads come first.
        workspace.store.fail(call: 6, of: .listBlobs, error: .test(.unavailable, .persistent))
        await #expect(throws: StorageError.self) { try await workspace.names(.uploads) }
        #expect(try await workspace.names(.uploads).count == 2)
    }

    private func confirmed(_ name: String) -> BlobMetadata {
        ["upload_status": "completed", "name": name, "version": "1"]
    }
}
