import CFuse3
import FileSystemModel
import Glibc
import HandOver
import Logging
import Testing

@testable import FuseBinding

/// Opcodes of <linux/fuse.h>.
enum Opcode: UInt32 {
    case lookup = 1
    case forget = 2
    case getattr = 3
    case setattr = 4
    case mknod = 8
    case mkdir = 9
    case unlink = 10
    case rename = 12
    case link = 13
    case open = 14
    case read = 15
    case write = 16
    case release = 18
    case setxattr = 21
    case getxattr = 22
    case listxattr = 23
    case removexattr = 24
    case `init` = 26
    case readdir = 28
    case create = 35
    case interrupt = 36
    case batchForget = 42
    case fallocate = 43
    case readdirplus = 44
    case rename2 = 45
}

/// A message under construction: fields in the machine's order, as <linux/fuse.h> lays them out.
struct Message: ExpressibleByArrayLiteral {
    enum Field {
        case word(UInt32)
        case long(UInt64)
        /// With its NUL.
        case name(String)
        case bytes([UInt8])
        case zeros(Int)
    }

    private(set) var bytes: [UInt8] = []

    init(arrayLiteral fields: Field...) {
        for field in fields {
            switch field {
            case .word(let value): withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
            case .long(let value): withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
            case .name(let name): bytes.append(contentsOf: Array(name.utf8) + [0])
            case .bytes(let value): bytes.append(contentsOf: value)
            case .zeros(let count): bytes.append(contentsOf: [UInt8](repeating: 0, count: count))
            }
        }
    }
}

/// What the session sent: a reply, or a notification (`unique` 0).
struct Reply {
    let unique: UInt64
    /// 0, a negated errno, or a notification's code.
    let error: Int32
    let body: [UInt8]

    func word(_ offset: Int) -> UInt32 { load(offset, as: UInt32.self) }
    func long(_ offset: Int) -> UInt64 { load(offset, as: UInt64.self) }

    private func load<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type) -> Value {
        guard offset + MemoryLayout<Value>.size <= body.count else { return 0 }
        return body.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
}

struct NoReply: Error {}

/// The kernel's side of a session, over a socket pair: no mount, no root, no /dev/fuse.
final class KernelPeer {
    private var socket: Int32
    private let thread: PlainThread
    let session: FuseSession
    private var lastUnique: UInt64 = 0
    /// The reply to INIT.
    private(set) var greeting = Reply(unique: 0, error: 0, body: [])

    /// What a kernel of 6.18 offers, as far as it matters here.
    static let offeredFlags: UInt32 = 0xFFFF_FFFF & ~(1 << 31)
    static let offeredFlags2: UInt32 = (1 << 4) | (1 << 5)

    /// `takesOver`: the kernel has greeted an earlier session, which left `survivors`.
    init(
        _ fileSystem: any FileSystem,
        options: SessionOptions? = nil,
        flags2: UInt32 = offeredFlags2,
        survivors: Survivors? = nil,
        takesOver: Bool = false
    ) throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        socket = ends[0]
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let session = try FuseSession(
            fileSystem: fileSystem,
            options: options ?? SessionOptions(mountPoint: "/nowhere", fsName: "test"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            socket: ends[1],
            survivors: survivors,
            takesOver: takesOver
        )
        self.session = session
        thread = try PlainThread(name: "session") { session.run() }
        guard !takesOver else {
            greeting = try receive()
            return
        }
        greeting = try ask(
            .`init`,
            [.word(7), .word(45), .word(131072), .word(Self.offeredFlags), .word(flags2), .zeros(44)]
        )
    }

    deinit {
        hangUp()
        thread.join()
    }

    /// What an unmount is to a mounted session.
    func hangUp() {
        guard socket >= 0 else { return }
        close(socket)
        socket = -1
    }

    /// Sends a request; its number.
    @discardableResult
    func send(
        _ opcode: Opcode,
        node: UInt64 = 1,
        unique: UInt64? = nil,
        caller: Int32 = getpid(),
        _ body: Message = []
    ) throws -> UInt64 {
        if unique == nil { lastUnique += 2 }
        let unique = unique ?? lastUnique
        let header: Message = [
            .word(UInt32(40 + body.bytes.count)), .word(opcode.rawValue), .long(unique), .long(node), .word(1000),
            .word(1001), .word(UInt32(bitPattern: caller)), .word(0),
        ]
        let bytes = header.bytes + body.bytes
        try #require(Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
        return unique
    }

    /// The next thing that the session sends.
    func receive() throws -> Reply {
        var buffer = [UInt8](repeating: 0, count: 1 << 17)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count >= 16 else { throw NoReply() }
        return buffer.withUnsafeBytes { bytes in
            Reply(
                unique: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                error: bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self),
                body: Array(bytes[16..<count])
            )
        }
    }

    /// The reply to `unique`; others are skipped.
    func receive(_ unique: UInt64) throws -> Reply {
        while true {
            let reply = try receive()
            if reply.unique == unique { return reply }
        }
    }

    func ask(_ opcode: Opcode, node: UInt64 = 1, caller: Int32 = getpid(), _ body: Message = []) throws -> Reply {
        try receive(send(opcode, node: node, caller: caller, body))
    }

    /// `struct fuse_read_in`, for READ, READDIR and READDIRPLUS.
    static func reading(handle: UInt64 = 0, offset: UInt64 = 0, size: UInt32) -> Message {
        [.long(handle), .long(offset), .word(size), .zeros(20)]
    }
}

/// A thread id that no process has.
let deadCaller: Int32 = 0x3FFF_FFF0
