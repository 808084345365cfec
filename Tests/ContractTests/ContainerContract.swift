import BlobStorage
import Testing

/// What storage promises about containers.
@Suite(.timeLimit(.minutes(5)))
struct ContainerContract {
    @Test(arguments: StorageUnderTest.available)
    func `a container is there once created, with its metadata`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let name = Bench.freshName()
            let version = try await bench.store.createContainer(name, metadata: ["outputfs_jobid": "My_Job"])
            let properties = try await bench.store.properties(ofContainer: name)
            #expect(properties.name == name)
            #expect(properties.version == version)
            expect(properties.metadata, contains: ["outputfs_jobid": "My_Job"])
            try await bench.store.deleteContainer(name)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `creating a container that is there fails and changes nothing`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let before = try await bench.store.properties(ofContainer: bench.container)
            await expectFailure(.alreadyExists) {
                try await bench.store.createContainer(bench.container, metadata: ["a": "b"])
            }
            let after = try await bench.store.properties(ofContainer: bench.container)
            #expect(after.version == before.version)
            #expect(after.metadata == before.metadata)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `new metadata of a container replace the old`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            _ = try await bench.store.setMetadata(["one": "1"], ofContainer: bench.container)
            _ = try await bench.store.setMetadata(["two": "2"], ofContainer: bench.container)
            let metadata = try await bench.store.properties(ofContainer: bench.container).metadata
            #expect(metadata["one"] == nil)
            #expect(metadata["TWO"] == "2")
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `writing a blob leaves the container's version alone`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let before = try await bench.store.properties(ofContainer: bench.container).version
            try await bench.put("a", "text")
            #expect(try await bench.store.properties(ofContainer: bench.container).version == before)
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a deleted container is gone with its blobs`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let name = Bench.freshName()
            _ = try await bench.store.createContainer(name, metadata: [:])
            let blob = BlobAddress(container: name, name: "a")
            _ = try await bench.store.putBlob(blob, .empty, headers: BlobHeaders(), condition: .any)
            try await bench.store.deleteContainer(name)
            await expectFailure(.notFound) { try await bench.store.properties(ofContainer: name) }
            await expectFailure(.notFound) { try await bench.store.properties(of: blob) }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `a container goes only as it was when it was looked at`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let name = Bench.freshName()
            let store = bench.store
            let made = try await store.createContainer(name, metadata: [:]).lastModified
            await expectFailure(.conditionFailed) { try await store.deleteContainer(name, unmodifiedSince: made - 1) }
            _ = try await store.properties(ofContainer: name)
            try await store.deleteContainer(name, unmodifiedSince: made)
            await expectFailure(.notFound) { try await store.properties(ofContainer: name) }
        }
    }

    @Test(arguments: StorageUnderTest.available)
    func `nothing can be done in a container that is not there`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let store = bench.store
            let name = Bench.freshName()
            let blob = BlobAddress(container: name, name: "a")
            await expectFailure(.notFound) { try await store.deleteContainer(name) }
            await expectFailure(.notFound) { try await store.setMetadata([:], ofContainer: name) }
            await expectFailure(.notFound) { try await store.listBlobs(BlobQuery(container: name), after: nil) }
            await expectFailure(.notFound) { try await store.delete(blob, condition: .any) }
            await expectFailure(.notFound) { try await store.putBlock(Bench.id(0), of: blob, UploadBody([1])) }
            await expectFailure(.notFound) {
                try await store.putBlob(blob, .empty, headers: BlobHeaders(), condition: .any)
            }
            await expectFailure(.notFound) {
                try await store.createAppendBlob(blob, headers: BlobHeaders(), condition: .any)
            }
        }
    }

    @Test(arguments: StorageUnderTest.available, ["ab", "UPPER", "-begins", "ends-", "two--hyphens", "under_score"])
    func `a name that no container can have is refused`(storage: StorageUnderTest, name: String) async throws {
        let store = try await storage.makeStore()
        await expectFailure(.invalid) { try await store.createContainer(name, metadata: [:]) }
    }

    @Test(arguments: StorageUnderTest.available, [nil, 1, 2])
    func `listing containers shows each once, by prefix`(storage: StorageUnderTest, pageSize: Int?) async throws {
        let store = try await storage.makeStore()
        let prefix = Bench.freshName()
        let names = (0..<5).map { "\(prefix)-\($0)" }
        for name in names { _ = try await store.createContainer(name, metadata: ["n": name]) }
        for includesMetadata in [true, false] {
            let query = ContainerQuery(prefix: prefix, includesMetadata: includesMetadata, pageSize: pageSize)
            var listed: [ContainerProperties] = []
            var marker: ListMarker?
            repeat {
                let page = try await store.listContainers(query, after: marker)
                listed += page.containers
                marker = page.next
            } while marker != nil
            #expect(listed.map(\.name).sorted() == names)
            for container in listed {
                #expect(container.metadata["n"] == (includesMetadata ? container.name : nil))
            }
        }
        for name in names { try await store.deleteContainer(name) }
    }
}
