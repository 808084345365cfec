import FileSystemModel
import Glibc
import HandOver
import Logging
import Testing

@testable import FuseBinding

/// A session that goes on where another one was killed: the kernel's side is a socket.
@Suite(.timeLimit(.minutes(1)))
final class TakeOverTests {
    private static let resend = KernelPeer.offeredFlags2 | 1 << 7
    private static let again: UInt64 = 1 << 63
    private let memory = Survivors.makeMemory()
    private let fileSystem = MemoryFileSystem()

    deinit { close(memory) }

    private func survivors() throws -> Survivors { try #require(Survivors(descriptor: memory)) }

    /// The session that the kernel greeted, ended.
    private func firstLife(flags2: UInt32 = resend) throws {
        let peer = try KernelPeer(fileSystem, flags2: flags2, survivors: try survivors())
        peer.hangUp()
    }

    private func secondLife() throws -> KernelPeer {
        try KernelPeer(fileSystem, survivors: try survivors(), takesOver: true)
    }

    @Test func `the first thing that the kernel hears is that it is to send again`() throws {
        try firstLife()
        let peer = try secondLife()
        #expect(peer.greeting.unique == 0)
        #expect(peer.greeting.error == 7)
        #expect(peer.greeting.body.isEmpty)
    }

    @Test func `requests are answered without another greeting`() throws {
        try firstLife()
        let peer = try secondLife()
        let reply = try peer.ask(.getattr, [.zeros(16)])
        #expect(reply.error == 0 && reply.body.count == 104)
    }

    @Test func `an answer to what is sent again has the number that it was sent with`() throws {
        try firstLife()
        let peer = try secondLife()
        let unique = try peer.send(.getattr, unique: 8 | Self.again, [.zeros(16)])
        #expect(try peer.receive(unique).error == 0)
    }

    @Test func `from a kernel that cannot send again nothing is kept, and nobody can go on`() throws {
        try firstLife(flags2: KernelPeer.offeredFlags2)
        #expect(try survivors().entries(.session).isEmpty)
        #expect(throws: SessionError.self) { try self.secondLife() }
    }

    private func repeated(_ opcode: Opcode, _ body: Message) throws -> (once: Int32, again: Int32) {
        try firstLife()
        let peer = try secondLife()
        let once = try peer.receive(peer.send(opcode, body)).error
        return (once, try peer.receive(peer.send(opcode, unique: 1000 | Self.again, body)).error)
    }

    @Test func `a name that is gone was removed, if the removal is sent again`() throws {
        let errors = try repeated(.unlink, [.name("gone")])
        #expect(errors.once == -ENOENT && errors.again == 0)
    }

    @Test func `a directory that is there was made, if the request is sent again`() throws {
        try firstLife()
        let peer = try secondLife()
        let body: Message = [.word(0o755), .word(0), .name("d")]
        let made = try peer.receive(peer.send(.mkdir, body))
        let twice = try peer.receive(peer.send(.mkdir, body))
        let again = try peer.receive(peer.send(.mkdir, unique: 1000 | Self.again, body))
        #expect(made.error == 0 && twice.error == -EEXIST && again.error == 0)
        #expect(again.long(0) == made.long(0))
    }

    @Test func `a rename of a name that is gone was done if the new name is there`() throws {
        _ = fileSystem.place("new", [1])
        let errors = try repeated(.rename2, [.long(1), .word(0), .word(0), .name("old"), .name("new")])
        #expect(errors.once == -ENOENT && errors.again == 0)
    }

    @Test func `a rename of a name that is gone fails if the new name is not there either`() throws {
        let errors = try repeated(.rename2, [.long(1), .word(0), .word(0), .name("old"), .name("new")])
        #expect(errors.once == -ENOENT && errors.again == -ENOENT)
    }

    @Test func `an attribute that is gone was removed`() throws {
        let errors = try repeated(.removexattr, [.name("user.x")])
        #expect(errors.once == -ENODATA && errors.again == 0)
    }

    @Test(arguments: [
        (Repetition.removal, ENOTEMPTY), (.removal, EACCES), (.attributeCreation, ENODATA),
        (.rename(to: "x", in: .root), EEXIST), (.making("x", in: .root), ENOENT),
    ])
    func `other errors are errors also of what is sent again`(_ repetition: Repetition, _ errno: Int32) {
        #expect(repetition.meaning(of: errno) == .failed)
    }

    @Test func `the modes of open files are those of the session before`() throws {
        let first = BackingFiles(logger: .silent, survivors: try survivors())
        _ = first.open(NodeID(rawValue: 7), nil, isWritable: false, device: -1)
        _ = first.open(NodeID(rawValue: 7), nil, isWritable: false, device: -1)
        _ = first.open(NodeID(rawValue: 9), nil, isWritable: true, device: -1)
        first.release(NodeID(rawValue: 9), device: -1)
        #expect(try survivors().entries(.openMode).map(\.key) == [7])

        var modes = OpenModes()
        modes.restore(NodeID(rawValue: 7), id: 5, count: 2)
        #expect(modes.open(NodeID(rawValue: 7), id: nil, mayShareBacking: true) == .backed(id: 5))
        #expect(modes.release(NodeID(rawValue: 7)) == nil)
        #expect(modes.release(NodeID(rawValue: 7)) == nil)
        #expect(modes.release(NodeID(rawValue: 7)) == 5)
        modes.restore(NodeID(rawValue: 8), id: 0, count: 1)
        #expect(modes.open(NodeID(rawValue: 8), id: 6, mayShareBacking: true) == .ours)
    }
}

extension Logger {
    fileprivate static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
