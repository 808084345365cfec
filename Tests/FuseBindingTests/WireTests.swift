import FileSystemModel
import Glibc
import Synchronization
import Testing

@testable import FuseBinding

/// The dispatcher under requests as the kernel encodes them.
@Suite(.timeLimit(.minutes(5)))
struct WireTests {
    @Test func `INIT asks for what the design names and for nothing else`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        let flags = peer.greeting.word(12)
        let isWanted = { (bit: UInt32) in flags & (1 << bit) != 0 }
        #expect(peer.greeting.error == 0)
        // ASYNC_READ, ATOMIC_O_TRUNC, BIG_WRITES, DO_READDIRPLUS, READDIRPLUS_AUTO, ASYNC_DIO, PARALLEL_DIROPS,
        // HANDLE_KILLPRIV_V2
        for bit: UInt32 in [0, 3, 5, 13, 14, 15, 18, 28] { #expect(isWanted(bit), "bit \(bit)") }
        // POSIX_LOCKS, DONT_MASK, SPLICE_*, FLOCK, AUTO_INVAL_DATA, WRITEBACK, NO_OPEN, HANDLE_KILLPRIV, NO_OPENDIR
        for bit: UInt32 in [1, 6, 7, 8, 9, 10, 12, 16, 17, 20, 24] { #expect(!isWanted(bit), "bit \(bit)") }
        #expect(peer.greeting.word(20) == 1 << 20)  // max_write
        #expect(UInt16(truncatingIfNeeded: peer.greeting.word(16)) == 128)  // max_background
        #expect(toy.kernel?.writeSizeMax == 1 << 20)
    }

    @Test(.enabled(if: geteuid() == 0, "needs CAP_SYS_ADMIN"), arguments: [true, false])
    func `passthrough is agreed when the kernel offers it`(isOffered: Bool) throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy, flags2: isOffered ? KernelPeer.offeredFlags2 : 0)
        #expect(toy.kernel?.passthrough == isOffered)
        #expect(!isOffered || peer.greeting.word(12) & (1 << 30) != 0)  // INIT_EXT
        #expect(peer.greeting.word(32) == (isOffered ? (1 << 4) | (1 << 5) : 0))  // DIRECT_IO_ALLOW_MMAP, PASSTHROUGH
        #expect(peer.greeting.word(36) == (isOffered ? 1 : 0))  // max_stack_depth
    }

    @Test func `what a request is read into is there before it comes, up to the longest request`() throws {
        let present = Mutex<[Bool]>([])
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.write = { bytes in present.withLock { $0 += pagesPresent(behind: bytes, count: 255) } }
            }
        )
        _ = try peer.ask(.write, node: 5, [.long(1), .long(0), .word(3), .zeros(20), .bytes([1, 2, 3])])
        #expect(present.withLock { $0 } == [Bool](repeating: true, count: 255))
    }

    @Test func `lookup answers an entry with its validities, a cached absence, or ENOENT`() throws {
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.lookup = { request, name in
                    switch name {
                    case "there": request.succeed(.found(.toy(NodeID(rawValue: 42))))
                    case "absent": request.succeed(.absent(validity: .seconds(5)))
                    default: request.succeed(.absent(validity: .zero))
                    }
                }
            }
        )
        let there = try peer.ask(.lookup, [.name("there")])
        #expect(there.long(0) == 42)
        #expect(there.long(16) == 3)  // entry_valid
        #expect(there.long(24) == 1)  // attr_valid
        #expect(there.word(36) == 500_000_000)  // attr_valid_nsec
        #expect(there.word(120) == 64 << 10)  // attr.blksize
        let absent = try peer.ask(.lookup, [.name("absent")])
        #expect((absent.error, absent.long(0), absent.long(16)) == (0, 0, 5))
        #expect(try peer.ask(.lookup, [.name("other")]).error == -ENOENT)
    }

    @Test func `a name that is not UTF-8 is not found, and cannot be made`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        let mknod: Message.Field = .bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(try peer.ask(.lookup, [.bytes([0x66, 0xFF, 0])]).error == -ENOENT)
        #expect(try peer.ask(.mkdir, [.long(0o755), .bytes([0xC3, 0x28, 0])]).error == -EINVAL)
        #expect(try peer.ask(.mknod, [mknod, .bytes([0xFF, 0])]).error == -EINVAL)
        #expect(toy.calls.isEmpty)
    }

    @Test func `a name of more than 255 bytes is too long`() throws {
        let peer = try KernelPeer(ScriptedFileSystem())
        #expect(try peer.ask(.lookup, [.name(String(repeating: "x", count: 255))]).error == -ENOENT)
        #expect(try peer.ask(.lookup, [.name(String(repeating: "x", count: 256))]).error == -ENAMETOOLONG)
        #expect(try peer.ask(.mkdir, [.long(0o755), .name(String(repeating: "é", count: 128))]).error == -ENAMETOOLONG)
    }

    @Test func `a read is answered with lent pieces one after the other`() throws {
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.read = { request, _ in
                    let request = request.pending()
                    let (head, tail) = ([UInt8](repeating: 1, count: 3000), [UInt8](repeating: 2, count: 2000))
                    head.withUnsafeBytes { head in
                        tail.withUnsafeBytes { tail in
                            let none = UnsafeRawBufferPointer(start: nil, count: 0)
                            let pieces = [head, none, tail]
                            _ = pieces.withUnsafeBufferPointer { request.succeed($0) }
                        }
                    }
                }
            }
        )
        let whole = try peer.ask(.read, node: 5, KernelPeer.reading(handle: 9, offset: 77, size: 8192))
        #expect(whole.error == 0)
        #expect(whole.body == [UInt8](repeating: 1, count: 3000) + [UInt8](repeating: 2, count: 2000))
        // Never more than was asked, which the kernel would refuse.
        #expect(try peer.ask(.read, KernelPeer.reading(size: 3001)).body.count == 3001)
        #expect(try peer.ask(.read, KernelPeer.reading(size: 10)).body.count == 10)
    }

    @Test func `a read that is answered in more pieces than one message can have fails with EIO`() throws {
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.read = { request, count in
                    let request = request.pending()
                    [UInt8(1)].withUnsafeBytes { only in
                        let pieces = [UnsafeRawBufferPointer](repeating: only, count: count)
                        _ = pieces.withUnsafeBufferPointer { request.succeed($0) }
                    }
                }
            }
        )
        #expect(try peer.ask(.read, KernelPeer.reading(size: 1023)).body.count == 1023)
        #expect(try peer.ask(.read, KernelPeer.reading(size: 1024)).error == -EIO)
    }

    @Test func `a request that the file system drops is answered with EIO`() throws {
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.lookup = { request, _ in _ = consume request }
                script.read = { request, _ in _ = consume request }
                script.readdir = { request in _ = consume request }
            }
        )
        #expect(try peer.ask(.lookup, [.name("a")]).error == -EIO)
        #expect(try peer.ask(.read, KernelPeer.reading(size: 1)).error == -EIO)
        #expect(try peer.ask(.readdir, KernelPeer.reading(size: 4096)).error == -EIO)
        #expect(peer.session.requestsInFlight == 0)
    }

    @Test(arguments: [0, -5, 512, 100_000])
    func `an errno that the kernel would not take becomes EIO`(errno: Int32) throws {
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.lookup = { request, _ in request.fail(FileSystemError(errno: errno, "odd")) }
            }
        )
        #expect(try peer.ask(.lookup, [.name("a")]).error == -EIO)
    }

    @Test func `requests may be answered from any thread and in any order`() throws {
        let held = Held<PendingRead>()
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.read = { request, _ in
                    held.put(request.pending())
                }
            }
        )
        let first = try peer.send(.read, KernelPeer.reading(size: 1))
        let second = try peer.send(.read, KernelPeer.reading(size: 1))
        let pending = try [#require(held.take()), #require(held.take())]
        #expect(peer.session.requestsInFlight == 2)
        for pending in pending.reversed() { pending.fail(FileSystemError(errno: EAGAIN, "")) }
        #expect(try Set([peer.receive().unique, peer.receive().unique]) == [first, second])
    }

    @Test func `an answer that comes after the session has ended harms nobody`() throws {
        let held = Held<PendingRead>()
        var peer: KernelPeer? = try KernelPeer(
            ScriptedFileSystem { script in
                script.read = { request, _ in
                    held.put(request.pending())
                }
            }
        )
        try peer?.send(.read, KernelPeer.reading(size: 1))
        let pending = try #require(held.take())
        peer = nil  // waits for run() to return
        #expect(pending.fail(FileSystemError(errno: EIO, "late")))
    }

    @Test func `forgets carry their counts, one by one and in batches`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        try peer.send(.forget, node: 7, [.long(1 << 40)])
        #expect(toy.calls(atLeast: 1) == ["forget 7 \(UInt64(1) << 40)"])
        try peer.send(.batchForget, [.word(2), .word(0), .long(8), .long(3), .long(9), .long(1)])
        #expect(toy.calls(atLeast: 3).suffix(2) == ["forget 8 3", "forget 9 1"])
    }

    @Test func `an entry that nobody hears of is given back`() throws {
        let held = Held<PendingRequest<LookupResult>>()
        let toy = ScriptedFileSystem { script in
            script.lookup = { request, _ in
                held.put(request.pending())
            }
        }
        let peer = try KernelPeer(toy)
        try peer.send(.lookup, [.name("a")])
        let pending = try #require(held.take())
        peer.hangUp()
        pending.complete(.success(.found(.toy(NodeID(rawValue: 42)))))
        #expect(toy.calls.last == "forget 42 1")
    }

    @Test func `an open that nobody hears of is released`() throws {
        let held = Held<PendingRequest<Opened>>()
        let toy = ScriptedFileSystem { script in
            script.open = { request in
                held.put(request.pending())
            }
        }
        let peer = try KernelPeer(toy)
        try peer.send(.open, node: 5, [.word(0), .word(0)])
        let pending = try #require(held.take())
        peer.hangUp()
        pending.complete(.success(Opened(handle: HandleID(rawValue: 3))))
        #expect(toy.calls.last == "release 3")
    }

    @Test func `only files can be made, and blobs have no second names`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        func mknod(_ mode: UInt32) throws -> Int32 {
            try peer.ask(.mknod, [.word(mode), .word(0), .word(0o027), .word(0), .name("n")]).error
        }
        #expect(try mknod(0o010644) == -EPERM)  // FIFO
        #expect(try mknod(0o060644) == -EPERM)  // block device
        #expect(try mknod(0o100640) == 0)
        #expect(try peer.ask(.link, [.long(5), .name("n")]).error == -EPERM)
        #expect(toy.calls == ["mknod n 640 umask 27"])
    }

    @Test func `rename takes the flags of renameat2, but no whiteout`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        func rename(_ flags: UInt32) throws -> Int32 {
            try peer.ask(.rename2, [.long(2), .word(flags), .word(0), .name("a"), .name("b")]).error
        }
        #expect(try peer.ask(.rename, [.long(2), .name("a"), .name("b")]).error == 0)
        #expect(try rename(1) == 0)
        #expect(try rename(2) == 0)
        #expect(try rename(4) == -EINVAL)
        #expect(toy.calls == [0, 1, 2].map { "rename a in 1 to b in 2 flags \($0)" })
    }

    @Test func `fallocate's modes that no blob can follow are EOPNOTSUPP`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        func fallocate(_ mode: UInt32) throws -> Int32 {
            try peer.ask(.fallocate, node: 5, [.long(0), .long(0), .long(10), .word(mode), .word(0)]).error
        }
        #expect(try [0x00, 0x01, 0x03, 0x10, 0x11].map(fallocate) == [0, 0, 0, 0, 0])
        #expect(try [0x02, 0x08, 0x20, 0x40].map(fallocate) == [Int32](repeating: -EOPNOTSUPP, count: 4))
        #expect(toy.calls.count == 5)
    }

    @Test func `a write lends its bytes and says where they come from`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        func write(_ writeFlags: UInt32, _ openFlags: Int32) throws -> Reply {
            try peer.ask(
                .write,
                node: 5,
                [
                    .long(1), .long(99), .word(3), .word(writeFlags), .long(0), .word(UInt32(openFlags)), .word(0),
                    .bytes([7, 8, 9]),
                ]
            )
        }
        #expect(try write(0, O_WRONLY | O_APPEND).word(0) == 3)
        #expect(try write(1, O_RDWR).word(0) == 3)
        #expect(
            toy.calls == [
                "write [7, 8, 9] at 99 cache false appends true", "write [7, 8, 9] at 99 cache true appends false",
            ]
        )
    }

    @Test func `open decodes its flags and encodes what it answers`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        let reply = try peer.ask(.open, node: 5, [.word(UInt32(O_WRONLY | O_TRUNC | O_APPEND)), .word(0)])
        #expect(reply.long(0) == 11)
        #expect(reply.word(8) == 1 << 1)  // FOPEN_KEEP_CACHE
        #expect(toy.calls == ["open writeOnly truncates true appends true"])
    }

    @Test func `an extended attribute is measured, sent, or too large for the caller`() throws {
        let value = Array("value".utf8)
        let peer = try KernelPeer(ScriptedFileSystem { $0.attribute = .value(value) })
        func getxattr(_ size: UInt32) throws -> Reply {
            try peer.ask(.getxattr, [.word(size), .word(0), .name("user.x")])
        }
        #expect(try getxattr(0).word(0) == 5)
        #expect(try getxattr(4).error == -ERANGE)
        #expect(try getxattr(5).body == value)
        #expect(try getxattr(100).body == value)
    }

    @Test func `setattr carries size and handle`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        let (size, handle): (UInt32, UInt32) = (1 << 3, 1 << 6)
        let reply = try peer.ask(
            .setattr,
            node: 5,
            [.word(size | handle), .word(0), .long(21), .long(123), .zeros(64)]
        )
        #expect(reply.error == 0)
        #expect(reply.long(0) == 2)  // attr_valid
        #expect(toy.calls == ["setattr size 123 handle 21"])
    }

    @Test func `notifications go out from their own thread`() throws {
        let toy = ScriptedFileSystem()
        let peer = try KernelPeer(toy)
        toy.notifications.send(.invalidateInode(NodeID(rawValue: 5), offset: 10, length: 20))
        toy.notifications.send(.invalidateEntry(parent: .root, name: "gone"))
        toy.notifications.send(.delete(parent: .root, child: NodeID(rawValue: 6), name: "gone"))
        let inode = try peer.receive()
        #expect((inode.unique, inode.error) == (0, 2))  // FUSE_NOTIFY_INVAL_INODE
        #expect((inode.long(0), inode.long(8), inode.long(16)) == (5, 10, 20))
        let entry = try peer.receive()
        #expect((entry.unique, entry.error) == (0, 3))  // FUSE_NOTIFY_INVAL_ENTRY
        #expect(entry.body.suffix(5) == Array("gone".utf8) + [0])
        let delete = try peer.receive()
        #expect((delete.unique, delete.error, delete.long(8)) == (0, 6, 6))  // FUSE_NOTIFY_DELETE
    }

    @Test func `requests are counted by their opcodes`() throws {
        let peer = try KernelPeer(ScriptedFileSystem())
        for _ in 0..<3 { _ = try peer.ask(.lookup, [.name("a")]) }
        #expect(peer.session.requestCounts == ["init": 1, "lookup": 3])
    }
}

/// Which of the pages from the one where the bytes are have memory.
private func pagesPresent(behind bytes: UnsafeRawBufferPointer, count: Int) -> [Bool] {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: bytes.baseAddress) & ~UInt(pageSize - 1))
    var states = [UInt8](repeating: 0, count: count)
    guard let start, mincore(start, count * pageSize, &states) == 0 else { return [] }
    return states.map { $0 & 1 == 1 }
}
