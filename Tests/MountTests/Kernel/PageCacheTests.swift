import BlobStorage
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

extension PagesOfTheKernel {
    /// The kernel's pages are kept exactly as long as they are of the version that is opened: told by the READ requests that
    /// come, or do not.
    @Suite(
        "The kernel's pages",
        .serialized,
        .timeLimit(.minutes(2)),
        .enabled(if: access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0, "needs /dev/fuse and root")
    )
    struct PageCacheTests {
        private static let text = "0123456789"
        /// base64 of its MD5.
        private static let textMD5 = "eB5eJF1ptWaXm4bijSPyxw=="

        private func inWorld(_ body: @escaping @Sendable (MountWorld) throws -> Void) async throws {
            try await onOwnThread {
                let world = try MountWorld()
                defer { world.end() }
                try world.makeJob()
                try body(world)
            }
        }

        @Test func `a file that nobody changed is read once, and each open asks the store once`() async throws {
            try await inWorld { world in
                world.put("f", Self.text)
                let first = try world.reads { try world.files.readText(world.path("f")) }
                #expect(first.requests > 0 && first.text == Self.text)
                for _ in 0..<3 {
                    world.letValidityPass()
                    // The names on the way are looked up before: what counts is the open.
                    _ = try world.files.status(world.path("f"))
                    world.store.resetCounts()
                    let again = try world.reads { try world.files.readText(world.path("f")) }
                    #expect(again.requests == 0 && again.text == Self.text)
                    // That it is one and no more is tested where the clock stands still.
                    #expect(world.store.count(of: .properties) > 0 && world.store.count(of: .read) == 0)
                }
            }
        }

        @Test func `stat and listing within the validity ask nobody`() async throws {
            let world = try await onOwnThread {
                // Long, since this machine may be slow.
                let world = try MountWorld { $0.attributeValidity = .seconds(30) }
                try world.makeJob()
                world.put("f", Self.text)
                return world
            }
            try await onOwnThread {
                defer { world.end() }
                _ = try world.files.names(world.folder)
                _ = try world.files.status(world.path("f"))
                world.store.resetCounts()
                for _ in 0..<3 {
                    #expect(try world.files.names(world.folder) == ["f"])
                    #expect(try world.files.status(world.path("f")).size == 10)
                }
                #expect(world.store.counts == [:])
            }
        }

        @Test func `what was written here in whole pages is not read back after its close`() async throws {
            try await inWorld { world in
                let text = String(repeating: "0123456789abcdef", count: 4096)
                try world.files.writeFile(world.path("f"), text)
                let after = try world.reads { try world.files.readText(world.path("f")) }
                let isSame = after.text == text
                #expect(after.requests == 0 && isSame)
                #expect(world.store.count(of: .read) == 0)
            }
        }

        @Test func `a foreign change of metadata leaves them, a foreign version does not`() async throws {
            try await inWorld { world in
                world.store.add(world.blob("f"), Array(Self.text.utf8)) { $0.contentMD5 = Self.textMD5 }
                _ = try world.files.readText(world.path("f"))
                world.store.change(world.blob("f")) { $0.metadata["permissions"] = "33152" }
                let same = try world.reads { try world.files.readText(world.path("f")) }
                #expect(same.requests == 0 && same.text == Self.text)
                world.put("f", "9876543210")
                let other = try world.reads { try world.files.readText(world.path("f")) }
                #expect(other.requests > 0 && other.text == "9876543210")
            }
        }

        @Test func `a log that grew is read on`() async throws {
            try await inWorld { world in
                world.store.add(world.blob("log"), Array("one\n".utf8), type: .append)
                let descriptor = try world.files.open(world.path("log"), O_RDONLY)
                #expect(try world.files.pread(descriptor, count: 100, at: 0) == Array("one\n".utf8))
                try blocking {
                    _ = try await world.store.append(UploadBody(Array("two\n".utf8)), to: world.blob("log"), at: 4)
                }
                world.letValidityPass()
                #expect(try world.files.status(descriptor).size == 8)
                #expect(try world.files.pread(descriptor, count: 100, at: 0) == Array("one\ntwo\n".utf8))
                try world.files.close(descriptor)
            }
        }
    }
}

extension MountWorld {
    /// What was read, and how many READ requests came meanwhile.
    fileprivate func reads(_ body: () throws -> String) rethrows -> (text: String, requests: UInt64) {
        let before = mount.requestCounts["read", default: 0]
        let text = try body()
        return (text, mount.requestCounts["read", default: 0] - before)
    }
}
