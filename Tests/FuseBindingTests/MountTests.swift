import CFuse3
import CLinux
import FileSystemModel
import Glibc
import Testing

@testable import FuseBinding

/// The binding under a real kernel.
@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: canMount, "needs root and /dev/fuse"))
struct MountTests {
    private let toy = MemoryFileSystem()

    @Test func `what is written is read back, by any size and offset`() async throws {
        let toy = toy
        try await mounted(toy) { mount in
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try writeAll(mount.path("file"), bytes)
            #expect(toy.data(of: "file") == bytes)
            #expect(try readAll(mount.path("file")) == bytes)
            let descriptor = try opened(mount.path("file"), O_RDWR)
            defer { close(descriptor) }
            var piece = [UInt8](repeating: 0, count: 1000)
            #expect(pread(descriptor, &piece, 1000, 2_999_500) == 500)
            #expect(Array(piece[..<500]) == Array(bytes[2_999_500...]))
            #expect(pwrite(descriptor, [1, 2, 3] as [UInt8], 3, 10) == 3)
            #expect(toy.data(of: "file").map { Array($0[10..<13]) } == [1, 2, 3])
            #expect(ftruncate(descriptor, 5) == 0)
            #expect(toy.data(of: "file")?.count == 5)
        }
    }

    @Test func `names are made, listed, renamed and removed`() async throws {
        try await mounted(toy) { mount in
            #expect(mkdir(mount.path("d"), 0o755) == 0)
            #expect(errnoOf { mkdir(mount.path("d"), 0o755) } == EEXIST)
            for number in 0..<500 { try writeAll(mount.path("d/file-\(number)"), []) }
            #expect(try Set(names(in: mount.path("d"))) == Set((0..<500).map { "file-\($0)" }))
            #expect(rename(mount.path("d/file-0"), mount.path("moved")) == 0)
            #expect(errnoOf { rename(mount.path("d/file-0"), mount.path("x")) } == ENOENT)
            #expect(try names(in: mount.path).sorted() == ["d", "moved"])
            let (old, new) = (mount.path("moved"), mount.path("d/file-1"))
            #expect(errnoOf { renameat2(AT_FDCWD, old, AT_FDCWD, new, 1) } == EEXIST)
            #expect(unlink(mount.path("moved")) == 0)
            #expect(errnoOf { rmdir(mount.path("d")) } == ENOTEMPTY)
            #expect(symlink("d/file-1", mount.path("link")) == 0)
            #expect(try readAll(mount.path("link")).isEmpty)
            #expect(errnoOf { link(mount.path("d/file-1"), mount.path("hard")) } == EPERM)
            #expect(errnoOf { mkfifo(mount.path("fifo"), 0o600) } == EPERM)
        }
    }

    @Test func `a name that is not UTF-8 is not found, and cannot be made`() async throws {
        try await mounted(toy) { mount in
            let name = Array(mount.path.utf8) + Array("/".utf8) + [0xFF, 0xFE, 0]
            let (found, made) = name.withUnsafeBufferPointer { name in
                name.withMemoryRebound(to: CChar.self) { name in
                    guard let path = name.baseAddress else { return (Int32(0), Int32(0)) }
                    return (errnoOf { access(path, F_OK) }, errnoOf { mkdir(path, 0o755) })
                }
            }
            #expect(found == ENOENT)
            // The kernel looks the name up first and then asks for it to be made.
            #expect(made == EINVAL)
            #expect(errnoOf { access(mount.path(String(repeating: "x", count: 256)), F_OK) } == ENAMETOOLONG)
        }
    }

    @Test func `the umask is taken off once, by the kernel`() async throws {
        try await mounted(toy) { mount in
            let previous = umask(0o027)
            defer { umask(previous) }
            let descriptor = try opened(mount.path("file"), O_CREAT | O_WRONLY, 0o666)
            defer { close(descriptor) }
            var status = stat()
            #expect(fstat(descriptor, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o640)
        }
    }

    @Test func `extended attributes are set, measured, listed and removed`() async throws {
        toy.place("file", [1])
        try await mounted(toy) { mount in
            let path = mount.path("file")
            #expect(setxattr(path, "user.a", "value", 5, 0) == 0)
            #expect(errnoOf { setxattr(path, "user.a", "x", 1, 1) } == EEXIST)
            #expect(errnoOf { setxattr(path, "user.b", "x", 1, 2) } == ENODATA)
            var value = [UInt8](repeating: 0, count: 16)
            #expect(getxattr(path, "user.a", nil, 0) == 5)
            #expect(getxattr(path, "user.a", &value, 16) == 5)
            #expect(Array(value[..<5]) == Array("value".utf8))
            #expect(errnoOf { Int32(getxattr(path, "user.a", &value, 2)) } == ERANGE)
            #expect(listxattr(path, nil, 0) == 7)
            #expect(removexattr(path, "user.a") == 0)
            #expect(errnoOf { Int32(getxattr(path, "user.a", nil, 0)) } == ENODATA)
        }
    }

    @Test(arguments: [false, true])
    func `a shared mapping writes back through WRITE, at the latest before RELEASE`(isDirect: Bool) async throws {
        let toy = toy
        toy.place("file", [UInt8](repeating: 1, count: 8192))
        toy.change { $0.opensDirectly = isDirect }
        try await mounted(toy) { mount in
            let descriptor = try opened(mount.path("file"), O_RDWR)
            let mapping = try #require(mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0))
            // Direct opens, too: DIRECT_IO_ALLOW_MMAP.
            try #require(mapping != UnsafeMutableRawPointer(bitPattern: -1))
            #expect(mapping.load(fromByteOffset: 5000, as: UInt8.self) == 1)
            #expect(close(descriptor) == 0)
            mapping.storeBytes(of: 42, toByteOffset: 5000, as: UInt8.self)
            #expect(munmap(mapping, 8192) == 0)
            #expect(becomesTrue { toy.events.contains("release 1") })
            #expect(toy.data(of: "file")?[5000] == 42)
            #expect(toy.events == ["open readWrite", "flush 1", "write back", "release 1"])
        }
    }

    @Test func `every close of a duplicate flushes, the last one releases`() async throws {
        let toy = toy
        try await mounted(toy) { mount in
            let descriptor = try opened(mount.path("file"), O_CREAT | O_WRONLY)
            let duplicate = dup(descriptor)
            #expect(close(descriptor) == 0)
            #expect(toy.events == ["flush 1"])
            #expect(close(duplicate) == 0)
            #expect(becomesTrue { toy.events == ["flush 1", "flush 1", "release 1"] })
        }
    }

    @Test func `O_TRUNC comes with open`() async throws {
        let toy = toy
        toy.place("file", [1, 2, 3])
        try await mounted(toy) { mount in
            close(try opened(mount.path("file"), O_WRONLY | O_TRUNC))
            #expect(toy.data(of: "file") == [])
            #expect(toy.events.first == "open writeOnly truncates")
            #expect(mount.session.requestCounts["setattr"] == nil)
        }
    }

    @Test func `small writes do not ask for security attributes each time`() async throws {
        try await mounted(toy) { mount in
            let descriptor = try opened(mount.path("file"), O_CREAT | O_WRONLY)
            defer { close(descriptor) }
            for _ in 0..<50 { #expect(write(descriptor, [1] as [UInt8], 1) == 1) }
            #expect(mount.session.requestCounts["write"] == 50)
            // Each write makes the kernel's attributes old; were S_NOSEC not granted (HANDLE_KILLPRIV_V2), it were 50.
            #expect(mount.session.requestCounts["getxattr", default: 0] <= 2)
        }
    }

    @Test func `direct reads of 1 MiB are one request each`() async throws {
        toy.place("file", [UInt8](repeating: 3, count: 4 << 20))
        toy.change { $0.opensDirectly = true }
        try await mounted(toy) { mount in
            let bytes = try readAll(mount.path("file"))
            #expect(bytes.count == 4 << 20)
            #expect(mount.session.requestCounts["read"] == 5)  // and one that meets the end
        }
    }

    @Test func `the kernel reads ahead by whole requests`() async throws {
        try await mounted(toy) { mount in
            _ = try names(in: mount.path)
            let entry = try #require(MountTable.current().topmost(at: mount.path))
            #expect(becomesTrue { textFile("/sys/class/bdi/\(entry.device)/read_ahead_kb") == "1024\n" })
        }
    }

    @Test func `the mount names its source and type, and honours neither setuid nor devices`() async throws {
        try await mounted(toy) { mount in
            let table = try #require(textFile("/proc/self/mountinfo"))
            let line = try #require(table.split(separator: "\n").first { $0.contains(mount.path) })
            #expect(line.contains(" - fuse.outputfs toy://test "))
            for option in ["nosuid", "nodev", "default_permissions", "max_read=1048576"] {
                #expect(line.contains(option), "\(option)")
            }
        }
    }

    @Test func `an invalidation from a file system reaches the page cache`() async throws {
        let toy = toy
        let node = toy.place("file", Array("old".utf8))
        toy.change { $0.keepsPageCache = true }
        try await mounted(toy) { mount in
            let first = try readAll(mount.path("file"))
            #expect(first == Array("old".utf8))
            toy.place("file", Array("new".utf8))
            let second = try readAll(mount.path("file"))
            #expect(second == first)
            toy.notifications.send(.invalidateInode(node, offset: 0, length: 0))
            #expect(becomesTrue { (try? readAll(mount.path("file"))) == Array("new".utf8) })
        }
    }
}
