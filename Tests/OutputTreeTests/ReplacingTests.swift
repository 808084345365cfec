import BlobStorage
import FileSystemSuite
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import OutputTree

/// Requests name the version that they replace, and go after it when it was replaced meanwhile (§3.5, §5.2).
@Suite("Naming what is replaced", .timeLimit(.minutes(2)))
struct ReplacingTests {
    private static let bytes = Array("bytes".utf8)

    @Test(arguments: [5, 600_000])
    func `the later close replaces what came meanwhile, and asks for it once`(byteCount: Int) async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            // A new file, and then one whose version is known.
            for round in UInt8(0)..<2 {
                let content = pattern(byteCount, seed: round)
                try world.files.pwrite(descriptor, content, at: 0)
                world.store.add(world.blob("f"), pattern(70))
                world.store.resetCounts()
                try world.files.fsync(descriptor)
                let isStored = world.store.bytes(of: world.blob("f")) == content
                #expect(isStored, "\(round)")
                #expect(world.store.counts[.properties] == 1, "\(round)")
            }
            try world.files.close(descriptor)
        }
    }

    @Test func `a version that is the one that is known costs no look`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            world.store.resetCounts()
            for round in UInt8(0)..<3 {
                try world.files.pwrite(descriptor, pattern(100, seed: round), at: 0)
                try world.files.fsync(descriptor)
            }
            #expect(world.store.counts == [.putBlob: 3])
            try world.files.close(descriptor)
        }
    }

    @Test func `a blob that was removed meanwhile is put again`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "one")
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_TRUNC)
            try world.files.write(descriptor, Self.bytes)
            world.store.remove(world.blob("f"))
            try world.files.close(descriptor)
            #expect(world.stored("f") == "bytes")
        }
    }

    @Test func `a rename and an unlink take what is there now`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            for name in ["f", "g"] { try world.files.writeFile(world.path(name), name) }
            world.store.add(world.blob("g"), pattern(70))
            try world.files.rename(world.path("f"), to: world.path("g"))
            #expect(world.stored("g") == "f")
            world.store.add(world.blob("g"), pattern(70))
            try world.files.unlink(world.path("g"))
            #expect(world.stored("g") == nil)
        }
    }

    @Test func `who may not look replaces without naming`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_TRUNC)
            try world.files.write(descriptor, Self.bytes)
            world.store.add(world.blob("f"), pattern(70))
            world.store.failNext(.properties, error: .test(.denied))
            try world.files.close(descriptor)
            #expect(world.stored("f") == "bytes")
        }
    }

    @Test func `a refusal that no look explains is told`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Self.bytes)
            world.store.failNext(.putBlob, count: .max, error: .test(.conditionFailed))
            expect(.staleNFSFileHandle) { try world.files.fsync(descriptor) }
            world.store.removeFaults()
            try world.files.close(descriptor)
            #expect(world.stored("f") == "bytes")
        }
    }

    /// The first commit of a file landed without an answer: its blob has the old name.
    @Test func `a rename takes along what a commit without an answer left`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Self.bytes)
            world.store.failNext(.putBlob, error: .test(.unavailable), takesEffect: true)
            expect(.ioError) { try world.files.fsync(descriptor) }
            #expect(world.stored("f") == "bytes")
            try world.files.rename(world.path("f"), to: world.path("g"))
            #expect(world.stored("f") == nil)
            try world.files.close(descriptor)
            #expect(world.stored("g") == "bytes")
        }
    }

    /// Renamed over a file of the store before it was sent, and renamed on.
    @Test func `what an unsent file replaced does not come back under the name`() async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "old")
            let descriptor = try world.files.open(world.path("new"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Self.bytes)
            try world.files.rename(world.path("new"), to: world.path("f"))
            try world.files.rename(world.path("f"), to: world.path("g"))
            #expect(world.stored("f") == nil)
            try world.files.close(descriptor)
            #expect(world.stored("g") == "bytes")
        }
    }

    @Test func `a pursuit ends at the deadline, and where nothing moves`() {
        let blob = BlobAddress(container: "c", name: "b")
        let refusal = StorageError.test(.conditionFailed)
        var pursuit = Pursuit(of: blob, .vacant, now: .seconds(5))
        #expect(pursuit.mayGoOn(after: refusal, at: .seconds(14), within: .seconds(10)))
        #expect(!pursuit.mayGoOn(after: refusal, at: .seconds(15), within: .seconds(10)))
        #expect(!pursuit.mayGoOn(after: .test(.unavailable), at: .seconds(5), within: .seconds(10)))
        for number in 0..<100 {
            let goesOn = pursuit.goesOn(with: .matches(ETag("\(number)")))
            #expect(goesOn)
        }
        let further = (0..<3).map { _ in pursuit.goesOn(with: .matches(ETag("99"))) }
        #expect(further == [true, true, false])
        #expect(!Pursuit(of: blob, .any, now: .zero).mayGoOn(after: refusal, at: .zero, within: .seconds(1)))
    }
}
