import BlobStorage
import FileSystemModel
import OutputConventions
import Synchronization
import Testing

@testable import OutputTree

@Suite struct ExtendedAttributeNamesTests {
    @Test(arguments: ["user.a", "user.with space", "user.ünïcode", "user.A_very-long.name"])
    func `a name reads back from the key that it is stored under`(name: String) throws {
        let key = try #require(ExtendedAttributeNames.key(of: name))
        #expect(key.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
        #expect(ExtendedAttributeNames.attribute(ofKey: key) == name)
    }

    @Test(arguments: ["security.capability", "user.", "system.posix_acl_access", "user.blob.etag"])
    func `other name spaces and the blob's own properties have no key`(name: String) {
        #expect(ExtendedAttributeNames.key(of: name) == nil)
    }

    @Test func `every length of value reads back`() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) }
            #expect(ExtendedAttributeNames.decode(ExtendedAttributeNames.encode(bytes)) == bytes)
        }
    }
}

@Suite struct SelfLinkTests {
    private func environment(_ entries: String...) -> [UInt8] { entries.flatMap { Array($0.utf8) + [0] } }

    @Test func `self leads to the task that the environment names`() {
        let environment = environment("PATH=/bin", "AZ_BATCH_JOB_ID=Render_1", "AZ_BATCH_TASK_ID=t-7")
        #expect(SelfLink.target(environment: environment) == "jobs/Render_1/tasks/t-7")
    }

    @Test func `without a job or a task there is no self`() {
        #expect(SelfLink.target(environment: environment("AZ_BATCH_JOB_ID=a")) == nil)
        #expect(SelfLink.target(environment: environment("AZ_BATCH_TASK_ID=a")) == nil)
        #expect(SelfLink.target(environment: []) == nil)
    }

    @Test(arguments: ["..", ".", "", "a/b", "../../etc"])
    func `a value that is not one name leads nowhere`(value: String) {
        let environment = environment("AZ_BATCH_JOB_ID=\(value)", "AZ_BATCH_TASK_ID=t")
        #expect(SelfLink.target(environment: environment) == nil)
    }
}

@Suite struct ContentTypesTests {
    @Test(arguments: [
        (name: "$TaskOutput/frame.PNG", type: "image/png"), (name: "a.b/c", type: "application/octet-stream"),
        (name: "log.txt", type: "text/plain"), (name: "result.rds", type: "application/octet-stream"),
        (name: "noextension", type: "application/octet-stream"), (name: "x.", type: "application/octet-stream"),
    ])
    func `the name's extension decides`(name: String, type: String) {
        #expect(ContentTypes.type(forName: name) == type)
    }
}

@Suite struct StableInodeTests {
    @Test func `numbers are the same in every process`() {
        // Written down: a change of the function would give every file another inode over an upgrade.
        #expect(StableInode.number("blob", "c", "a") == 0xdf708b9cb5e0fbed)
        #expect(StableInode.number("blob", "ca", "") != StableInode.number("blob", "c", "a"))
    }
}

@Suite struct VersionRelationTests {
    private func facts(
        _ etag: String,
        length: UInt64 = 10,
        type: BlobType = .block,
        md5: String? = nil,
        created: Int64 = 5
    ) -> FileFacts {
        FileFacts(
            BlobProperties(
                version: BlobVersion(etag: ETag(etag), lastModified: 1),
                length: length,
                type: type,
                creationTime: created,
                contentMD5: md5
            )
        )
    }

    @Test func `another ETag with the same length and MD5 is the same bytes`() {
        #expect(facts("1", md5: "x").relation(to: facts("2", md5: "x")) == .sameBytes)
        #expect(facts("1", md5: "x").relation(to: facts("2", md5: "y")) == .replaced)
        #expect(facts("1").relation(to: facts("2")) == .replaced)
        #expect(facts("1", md5: "x").relation(to: facts("2", length: 11, md5: "x")) == .replaced)
    }

    @Test func `an append blob grows while its creation time stays`() {
        let old = facts("1", type: .append)
        #expect(old.relation(to: facts("2", length: 12, type: .append)) == .grown)
        #expect(old.relation(to: facts("2", length: 9, type: .append)) == .replaced)
        #expect(old.relation(to: facts("2", length: 12, type: .append, created: 6)) == .replaced)
        #expect(old.relation(to: facts("2", length: 12, type: .block)) == .replaced)
    }
}

@Suite struct AsyncLockTests {
    @Test(.timeLimit(.minutes(5))) func `only one holds the lock, and a cancelled waiter leaves`() async throws {
        let lock = AsyncLock()
        let inside = Counter()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<50 {
                group.addTask {
                    try? await lock.withLock { () async throws(FileSystemError) in
                        let isAlone = inside.enter()
                        #expect(isAlone)
                        await Task.yield()
                        inside.leave()
                    }
                }
                if index.isMultiple(of: 7) {
                    let waiter = Task { try await lock.withLock { () async throws(FileSystemError) in } }
                    waiter.cancel()
                    _ = await waiter.result
                }
            }
        }
        // Free again: the next one gets it at once.
        try await lock.withLock { () async throws(FileSystemError) in }
    }
}

@Suite struct SharedWorkTests {
    @Test(.timeLimit(.minutes(5))) func `a cancelled waiter stops waiting and the others get the value`() async throws {
        let gate = AsyncLock()
        let work = SharedWork { () async throws(FileSystemError) in
            try await gate.withLock { () async throws(FileSystemError) in 42 }
        }
        let result = try await gate.withLock { () async throws(FileSystemError) -> Task<Int, any Error> in
            #expect(work.join())
            #expect(work.join())
            let cancelled = Task { try await work.value() }
            let patient = Task { try await work.value() }
            cancelled.cancel()
            let outcome = await cancelled.result
            #expect(throws: FileSystemError.self) { try outcome.get() }
            return patient
        }
        #expect(try await result.value == 42)
        #expect(!work.join())
    }

    @Test(.timeLimit(.minutes(5))) func `work that its last waiter gave up is cancelled and cannot be joined`() async {
        let work = SharedWork { () async throws(FileSystemError) in
            while !Task.isCancelled { await Task.yield() }
            return 1
        }
        #expect(work.join())
        let waiter = Task { try await work.value() }
        waiter.cancel()
        let outcome = await waiter.result
        #expect(throws: FileSystemError.self) { try outcome.get() }
        #expect(!work.join())
    }

    @Test(.timeLimit(.minutes(5))) func `what is told of the cancellation may look at the work`() async {
        let itself = Mutex<SharedWork<Int>?>(nil)
        let work = SharedWork { () async throws(FileSystemError) in
            await withTaskCancellationHandler {
                while !Task.isCancelled { await Task.yield() }
                return 1
            } onCancel: {
                // Called on the spot by whoever cancels: not while he holds the lock of the work.
                _ = itself.withLock { $0 }?.finished
            }
        }
        itself.withLock { $0 = work }
        #expect(work.join())
        let waiter = Task { try await work.value() }
        // The work runs, and has its handler.
        for _ in 0..<100 { await Task.yield() }
        waiter.cancel()
        let outcome = await waiter.result
        #expect(throws: FileSystemError.self) { try outcome.get() }
    }
}
