import BlobStorage
import OutputConventions
import OutputViews
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct DatastoreTests {
    @Test func `a workspace's two datastores are found by their containers`() async throws {
        let workspace = Workspace()
        #expect(try await workspace.names(.datastores) == ["workspaceartifactstore", "workspaceblobstore"])
        let blobstore = TreePlace.container(.datastores, container: Workspace.blobstore)
        #expect(try await workspace.place(.datastores, "", "workspaceblobstore") == blobstore)
        let artifacts = TreePlace.container(.datastores, container: "azureml")
        #expect(try await workspace.place(.datastores, "", "workspaceartifactstore") == artifacts)
        #expect(try await workspace.place(.datastores, "", "workspaceblobstore-0f3c") == nil)
        #expect(try await workspace.place(.datastores, "", "other") == nil)
    }

    @Test func `an account without workspaces has none`() async throws {
        let workspace = Workspace(containers: ["job-x", "azuremlish"])
        #expect(try await workspace.names(.datastores) == [])
        #expect(try await workspace.place(.datastores, "", "workspaceartifactstore") == nil)
        #expect(try await workspace.place(.datastores, "", "workspaceblobstore") == nil)
    }

    @Test func `workspaces that share an account have their own names`() async throws {
        let workspace = Workspace(containers: ["azureml", "azureml-blobstore-a", "azureml-blobstore-b"])
        let names = ["workspaceartifactstore", "workspaceblobstore-a", "workspaceblobstore-b"]
        #expect(try await workspace.names(.datastores) == names)
        let place = TreePlace.container(.datastores, container: "azureml-blobstore-b")
        #expect(try await workspace.place(.datastores, "", "workspaceblobstore-b") == place)
        #expect(try await workspace.place(.datastores, "", "workspaceblobstore") == nil)
    }

    @Test func `a configured one takes its name from the workspace's, and costs no request`() async throws {
        let mine = ConfiguredDatastore(name: "workspaceblobstore", container: "mine", prefix: "")
        let deep = ConfiguredDatastore(name: "deep", container: "far:box", prefix: "a/b/")
        let workspace = Workspace(GatheredSource(datastores: [mine, deep]))
        #expect(try await workspace.names(.datastores) == ["deep", "workspaceartifactstore", "workspaceblobstore"])
        let requests = try await workspace.requests { () async throws in
            let place = TreePlace.container(.datastores, container: "mine")
            #expect(try await workspace.place(.datastores, "", "workspaceblobstore") == place)
            #expect(try await workspace.place(.datastores, "", "deep") == folder(.datastores, "far:box/a/b/"))
        }
        #expect(requests == 0)
    }

    @Test func `the store of artifacts is looked up with one request and no listing`() async throws {
        let workspace = Workspace()
        let requests = try await workspace.requests { () async throws in
            _ = try await workspace.place(.datastores, "", "workspaceartifactstore")
        }
        #expect(requests == 1)
        #expect(workspace.store.count(of: .listContainers) == 0)
    }

    @Test func `who may not list containers reaches the store of artifacts by name`() async throws {
        let workspace = Workspace()
        workspace.store.failNext(.listContainers, count: .max, error: .test(.denied))
        workspace.store.failNext(.containerProperties, count: .max, error: .test(.denied))
        #expect(try await workspace.names(.datastores) == [])
        #expect(try await workspace.place(.datastores, "", "workspaceartifactstore") != nil)
    }

    @Test(arguments: [("azureml", "workspaceartifactstore"), (Workspace.blobstore, "workspaceblobstore")])
    func `credentials for one container show its datastore`(container: String, name: String) async throws {
        let workspace = Workspace(GatheredSource(onlyContainer: container))
        #expect(try await workspace.names(.datastores) == [name])
        #expect(try await workspace.place(.datastores, "", name) == .container(.datastores, container: container))
        #expect(workspace.store.counts.isEmpty)
    }

    @Test func `an error of the listing is not taken for an account without workspaces`() async throws {
        let workspace = Workspace()
        workspace.store.failNext(.listContainers, count: .max, error: .test(.unavailable, .persistent))
        await #expect(throws: StorageError.self) { try await workspace.names(.datastores) }
        await #expect(throws: StorageError.self) { try await workspace.place(.datastores, "", "workspaceblobstore") }
    }
}
