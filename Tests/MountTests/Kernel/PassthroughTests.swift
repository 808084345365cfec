import BlobReading
import FileSystemSuite
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import OutputTree

extension PagesOfTheKernel {
    /// Files whose bytes are on the local disk, behind a real kernel: which reads by itself where it may, and through the
    /// mount where passthrough is off.
    @Suite(
        "Local copies behind a kernel",
        .serialized,
        .timeLimit(.minutes(3)),
        .enabled(if: access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0, "needs /dev/fuse and root")
    )
    struct PassthroughTests {
        /// Less than may wait for the disk at a time: all of it is saved.
        private static let size = 900_001

        /// A mount with a file `f` whose bytes are all on its disk.
        private func withWarmFile(
            usesPassthrough: Bool = true,
            _ body: @escaping @Sendable (MountWorld) throws -> Void
        ) async throws {
            try await onOwnThread {
                let world = try MountWorld(usesPassthrough: usesPassthrough, usesDisk: true)
                defer { world.end() }
                try world.makeJob()
                world.store.add(world.blob("f"), pattern(Self.size))
                try same(world.files.readFile(world.path("f")), pattern(Self.size))
                let isSaved = eventually { world.mount.tree.cache.statistics.bytesSaved >= UInt64(Self.size) }
                try #require(isSaved)
                world.dropPages()
                try body(world)
            }
        }

        // MARK: Reading

        @Test func `a warm file is read without a READ request, and without one to the store but the open's`()
            async throws
        {
            try await withWarmFile { world in
                world.letValidityPass()
                _ = try world.files.status(world.path("f"))
                world.store.resetCounts()
                let before = world.mount.requestCounts["read", default: 0]
                let descriptor = try world.files.open(world.path("f"), O_RDONLY)
                // That it is one and no more is tested where the clock stands still.
                #expect(world.store.count(of: .properties) > 0 && world.store.count(of: .read) == 0)
                try same(world.files.readAll(descriptor), pattern(Self.size))
                #expect(try world.files.status(descriptor).size == UInt64(Self.size))
                try world.files.close(descriptor)
                #expect(world.mount.requestCounts["read", default: 0] == before)
                #expect(world.store.count(of: .read) == 0)
            }
        }

        @Test(arguments: [true, false])
        func `after a new mount the first read asks the store for no byte`(usesPassthrough: Bool) async throws {
            try await withWarmFile(usesPassthrough: usesPassthrough) { world in
                let again = try world.secondMount()
                world.store.resetCounts()
                try same(again.files.readFile(world.path("f")), pattern(Self.size))
                #expect(world.store.count(of: .read) == 0)
                guard usesPassthrough else { return }
                // Once it is verified, by the reading itself or behind it, the kernel reads it.
                let isPassedThrough = eventually {
                    // Other pages than those that the first read left with the kernel.
                    world.dropPages()
                    let before = again.requestCounts["read", default: 0]
                    let bytes = try? again.files.readFile(world.path("f"))
                    return bytes == pattern(Self.size) && again.requestCounts["read", default: 0] == before
                }
                #expect(isPassedThrough)
                #expect(world.store.count(of: .read) == 0)
            }
        }

        @Test(arguments: [true, false])
        func `what was written here is read without a request for a byte`(usesPassthrough: Bool) async throws {
            try await onOwnThread {
                let world = try MountWorld(usesPassthrough: usesPassthrough, usesDisk: true)
                defer { world.end() }
                try world.makeJob()
                try world.files.writeFile(world.path("f"), pattern(Self.size, seed: 3))
                try same(world.files.readFile(world.path("f")), pattern(Self.size, seed: 3))
                let isOnDisk = eventually {
                    world.store.resetCounts()
                    let bytes = try? world.secondMount().files.readFile(world.path("f"))
                    return bytes == pattern(Self.size, seed: 3) && world.store.count(of: .read) == 0
                }
                #expect(isOnDisk)
            }
        }

        @Test func `mappings, positions and O_DIRECT read the same bytes`() async throws {
            try await withWarmFile { world in
                let before = world.mount.requestCounts["read", default: 0]
                let descriptor = try world.files.open(world.path("f"), O_RDONLY)
                let map = mmap(nil, Self.size, PROT_READ, MAP_SHARED, descriptor, 0)
                let mapped = Array(UnsafeRawBufferPointer(start: map, count: Self.size))
                same(mapped, pattern(Self.size))
                munmap(map, Self.size)
                #expect(lseek(descriptor, 0, SEEK_END) == Self.size)
                // SEEK_DATA and SEEK_HOLE come to the mount.
                #expect(lseek(descriptor, 10, 3) == 10)
                #expect(lseek(descriptor, 10, 4) == Self.size)
                #expect(world.mount.requestCounts["read", default: 0] == before)

                // O_DIRECT of <fcntl.h>: while the other one is open it shares its file.
                let direct = try world.files.open(world.path("f"), O_RDONLY | 0o40000)
                let page = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 4096)
                defer { page.deallocate() }
                #expect(pread(direct, page.baseAddress, page.count, 1 << 19) == page.count)
                same(Array(page), Array(pattern(Self.size)[(1 << 19)..<(1 << 19) + (1 << 16)]))
                try world.files.close(direct)
                try world.files.close(descriptor)
                let alone = try world.files.open(world.path("f"), O_RDONLY | 0o40000)
                #expect(pread(alone, page.baseAddress, page.count, 0) == page.count)
                same(Array(page), Array(pattern(Self.size)[..<(1 << 16)]))
                try world.files.close(alone)
            }
        }

        @Test func `copies out of it are whole`() async throws {
            try await withWarmFile { world in
                let copy = TemporaryName()
                let child = try ChildProcess(["/bin/cp", world.mount.root + "/" + world.path("f"), copy.path])
                #expect(child.wait() == 0)
                let compared = try ChildProcess(["/usr/bin/cmp", world.mount.root + "/" + world.path("f"), copy.path])
                #expect(compared.wait() == 0)
                // Within the mount, too.
                let root = world.mount.root + "/" + world.folder
                #expect(try ChildProcess(["/bin/cp", root + "/f", root + "/g"]).wait() == 0)
                same(world.store.bytes(of: world.blob("g")) ?? [], pattern(Self.size))
            }
        }

        // MARK: Changes

        @Test(arguments: [O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND])
        func `a writer works while the kernel reads, and what it writes is what the name means`(flags: Int32)
            async throws
        {
            try await withWarmFile { world in
                let reader = try world.files.open(world.path("f"), O_RDONLY)
                let before = world.mount.requestCounts["read", default: 0]
                let map = mmap(nil, Self.size, PROT_READ, MAP_SHARED, reader, 0)
                // What is not passed through would end this process here.
                try #require(Array(UnsafeRawBufferPointer(start: map, count: 1)) == [0])
                try #require(world.mount.requestCounts["read", default: 0] == before)
                let writer = try world.files.open(world.path("f"), flags)
                try world.files.write(writer, Array("new".utf8))
                let expected =
                    flags & O_TRUNC != 0
                    ? Array("new".utf8)
                    : flags & O_APPEND != 0
                        ? pattern(Self.size) + Array("new".utf8)
                        : Array("new".utf8) + pattern(Self.size)[3...]
                try same(world.files.readFile(world.path("f")), expected)
                #expect(try world.files.status(world.path("f")).size == UInt64(expected.count))
                try world.files.close(writer)
                same(world.store.bytes(of: world.blob("f")) ?? [], expected)
                // Those of before have what they opened.
                try same(world.files.readAll(reader), pattern(Self.size))
                #expect(try world.files.status(reader).size == UInt64(Self.size))
                same(Array(UnsafeRawBufferPointer(start: map, count: Self.size)), pattern(Self.size))
                munmap(map, Self.size)
                try world.files.close(reader)
                try same(world.files.readFile(world.path("f")), expected)
            }
        }

        @Test func `many readers and a writer that comes again and again disturb nobody`() async throws {
            try await withWarmFile { world in
                let rest = pattern(Self.size)[1...]
                let readers = (0..<3).map { _ in
                    Worker {
                        for _ in 0..<20 {
                            let bytes = try world.files.readFile(world.path("f"))
                            // The first byte is the writer's turn; the rest never changes.
                            guard bytes.count == Self.size, bytes[1...] == rest else { return false }
                        }
                        return true
                    }
                }
                for turn in 0..<10 as Range<UInt8> {
                    let writer = try world.files.open(world.path("f"), O_WRONLY)
                    try world.files.pwrite(writer, [turn], at: 0)
                    try world.files.close(writer)
                    #expect(world.store.bytes(of: world.blob("f"))?.first == turn)
                }
                for reader in readers { #expect(try reader.join()) }
            }
        }

        @Test func `truncate, chmod, rename and unlink by name work while the kernel reads`() async throws {
            try await withWarmFile { world in
                let reader = try world.files.open(world.path("f"), O_RDONLY)
                try world.files.setPermissions(world.path("f"), 0o600)
                #expect(try world.files.status(reader).permissions == 0o600)
                try world.files.rename(world.path("f"), to: world.path("g"))
                try same(world.files.readAll(reader), pattern(Self.size))
                try world.files.truncate(world.path("g"), to: 4)
                same(world.store.bytes(of: world.blob("g")) ?? [], pattern(4))
                try same(world.files.readFile(world.path("g")), pattern(4))
                try same(world.files.readAll(reader), pattern(Self.size))
                try world.files.unlink(world.path("g"))
                try same(world.files.readAll(reader), pattern(Self.size))
                #expect(try world.files.status(reader).size == UInt64(Self.size))
                try world.files.close(reader)
                #expect(world.store.bytes(of: world.blob("g")) == nil)
            }
        }

        @Test func `eviction does not touch what the kernel has open`() async throws {
            try await withWarmFile { world in
                let reader = try world.files.open(world.path("f"), O_RDONLY)
                // Three times what the disk cache may hold.
                let other = pattern(Self.size, seed: 1)
                for number in 0..<27 { world.store.add(world.blob("other\(number)"), other) }
                world.letValidityPass()
                for number in 0..<27 {
                    #expect(try world.files.readFile(world.path("other\(number)")) == other)
                }
                let before = world.mount.requestCounts["read", default: 0]
                try same(world.files.readAll(reader), pattern(Self.size))
                #expect(world.mount.requestCounts["read", default: 0] == before)
                try world.files.close(reader)
            }
        }
    }
}

extension MountWorld {
    /// The page cache forgets what it has: a read that brings no request then is the kernel's own.
    fileprivate func dropPages() {
        guard let file = fopen("/proc/sys/vm/drop_caches", "w") else { return }
        fputs("1", file)
        fclose(file)
    }
}

/// Large arrays, which no failure should print.
private func same(_ one: [UInt8], _ other: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
    let isSame = one == other
    #expect(isSame, "\(one.count) and \(other.count) bytes", sourceLocation: sourceLocation)
}
