import FileSystemModel
import Glibc
import Testing

@testable import FuseBinding

/// Reads that the kernel serves from a local file by itself (kernel >= 6.9, root).
@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: canPassThrough, "needs root and a kernel >= 6.9"))
struct PassthroughTests {
    private let toy = MemoryFileSystem()
    private let bytes = (0..<2_500_001).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 2) }

    /// Mounts a file `backed` whose bytes also lie in a local file.
    private func withBacking(
        options: (inout SessionOptions) -> Void = { _ in },
        _ body: @escaping @Sendable (Mounted) throws -> Void
    ) async throws {
        var template = Array("/var/tmp/outputfs-backing-XXXXXX".utf8CString)
        let descriptor = template.withUnsafeMutableBufferPointer { name in name.baseAddress.map { mkstemp($0) } ?? -1 }
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        unlink(template)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        toy.place("backed", bytes)
        toy.change { $0.backing = BackingFile(descriptor: descriptor) }
        try await mounted(toy, options: options, body)
    }

    private func expectBytes(_ mount: Mounted, at location: SourceLocation = #_sourceLocation) throws {
        let read = try readAll(mount.path("backed"))
        #expect(read == bytes, sourceLocation: location)
    }

    private func reads(_ mount: Mounted) -> UInt64 { mount.session.requestCounts["read", default: 0] }

    @Test func `a backed file is read without a request, byte for byte`() async throws {
        try await withBacking { mount in
            try expectBytes(mount)
            #expect(reads(mount) == 0)
            #expect(becomesTrue { toy.events == ["open readOnly", "flush 1", "release 1"] })
            // Again, after the last release: another registration.
            try expectBytes(mount)
            #expect(reads(mount) == 0)
            #expect(mount.session.passthroughOpens == 2)
        }
    }

    @Test func `with passthrough off the same file is read through the file system`() async throws {
        try await withBacking(options: { $0.usesPassthrough = false }) { mount in
            try expectBytes(mount)
            #expect(reads(mount) > 0)
            #expect(mount.session.passthroughOpens == 0)
        }
    }

    @Test func `further opens follow the mode of those that exist`() async throws {
        try await withBacking { mount in
            let first = try opened(mount.path("backed"), O_RDONLY)
            // Another open, for which the file system has no backing file: shares the first's.
            toy.change { $0.backing = nil }
            try expectBytes(mount)
            #expect(reads(mount) == 0)
            close(first)
            #expect(becomesTrue { toy.events.filter { $0.hasPrefix("release") }.count == 2 })
            try expectBytes(mount)
            #expect(reads(mount) > 0)
        }
    }

    @Test func `a file that is open through the file system stays so`() async throws {
        try await withBacking { mount in
            let writer = try opened(mount.path("backed"), O_RDWR)
            #expect(pwrite(writer, [9] as [UInt8], 1, 0) == 1)
            let first = try readAll(mount.path("backed")).first
            #expect(first == 9)
            #expect(reads(mount) > 0)
            close(writer)
        }
    }

    @Test func `a writer never gets at the backing file of a reader`() async throws {
        try await withBacking { mount in
            let reader = try opened(mount.path("backed"), O_RDONLY)
            #expect(errnoOf { open(mount.path("backed"), O_RDWR) } == ESTALE)
            var byte: UInt8 = 0
            #expect(pread(reader, &byte, 1, 1000) == 1)
            #expect(byte == bytes[1000])
            close(reader)
            // What was refused is released, too; the kernel asked twice before it gave up.
            #expect(becomesTrue { toy.events.filter { $0.hasPrefix("release") }.count == 3 })
            close(try opened(mount.path("backed"), O_RDWR))
        }
    }

    @Test func `a backed file can be mapped`() async throws {
        try await withBacking { mount in
            let descriptor = try opened(mount.path("backed"), O_RDONLY)
            let mapping = try #require(mmap(nil, bytes.count, PROT_READ, MAP_SHARED, descriptor, 0))
            try #require(mapping != UnsafeMutableRawPointer(bitPattern: -1))
            close(descriptor)
            #expect(UnsafeRawBufferPointer(start: mapping, count: bytes.count).elementsEqual(bytes))
            #expect(munmap(mapping, bytes.count) == 0)
            #expect(reads(mount) == 0)
        }
    }
}
