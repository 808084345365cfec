import FileSystemModel
import Glibc
import Synchronization
import Testing

@testable import FuseBinding

@Suite(.timeLimit(.minutes(5)))
struct DirectoryWireTests {
    /// A directory of `count` files with nodes 100, 101, …; remembers how many entries were taken.
    private final class Directory: Sendable {
        let taken = Mutex(0)
        let count: UInt64

        init(count: UInt64) { self.count = count }

        func fill(_ request: borrowing DirectoryRequest) {
            for number in 0..<count {
                let node = NodeID(rawValue: 100 + number)
                let entry = DirectoryEntry(
                    name: FileName("file-\(number)"),
                    inode: 1000 + number,
                    kind: .file,
                    entry: request.wantsEntries ? .toy(node) : nil,
                    nextOffset: number + 1
                )
                guard request.add(entry) else { return }
                taken.withLock { $0 += 1 }
            }
        }
    }

    private struct Listed: Equatable {
        var node: UInt64
        var inode: UInt64
        var offset: UInt64
        var type: UInt32
        var name: String
    }

    /// Reads `struct fuse_dirent` (or `fuse_direntplus`) after another.
    private func list(_ reply: Reply, plus: Bool) -> [Listed] {
        var listed: [Listed] = []
        var position = 0
        while position < reply.body.count {
            let start = position + (plus ? 128 : 0)
            let length = Int(reply.word(start + 16))
            let name = String(decoding: reply.body[(start + 24)..<(start + 24 + length)], as: UTF8.self)
            listed.append(
                Listed(
                    node: plus ? reply.long(position) : 0,
                    inode: reply.long(start),
                    offset: reply.long(start + 8),
                    type: reply.word(start + 20),
                    name: name
                )
            )
            position = start + (24 + length + 7) / 8 * 8
        }
        return listed
    }

    @Test(arguments: [false, true])
    func `a page holds what fits, and what did not fit is neither shown nor counted`(plus: Bool) throws {
        let directory = Directory(count: 1000)
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.readdir = { request in
                    directory.fill(request)
                    request.finish()
                }
            }
        )
        let reply = try peer.ask(plus ? .readdirplus : .readdir, KernelPeer.reading(size: 4096))
        let listed = list(reply, plus: plus)
        #expect(reply.body.count <= 4096)
        // 128 bytes of fuse_entry_out, 24 of fuse_dirent, 8 of name.
        #expect(listed.count == (plus ? 4096 / 160 : 4096 / 32))
        #expect(listed.count == directory.taken.withLock { $0 })
        #expect(
            listed[3] == Listed(node: plus ? 103 : 0, inode: 1003, offset: 4, type: 8, name: "file-3")
        )
    }

    @Test func `an entry without a node is listed with node 0`() throws {
        let peer = try KernelPeer(
            ScriptedFileSystem { script in
                script.readdir = { request in
                    _ = request.add(DirectoryEntry(name: "..", inode: 9, kind: .directory, entry: nil, nextOffset: 1))
                    request.finish()
                }
            }
        )
        let reply = try peer.ask(.readdirplus, KernelPeer.reading(size: 4096))
        #expect(list(reply, plus: true) == [Listed(node: 0, inode: 9, offset: 1, type: 4, name: "..")])
    }

    @Test func `the nodes of a page that fails are given back`() throws {
        let directory = Directory(count: 2)
        let toy = ScriptedFileSystem { script in
            script.readdir = { request in
                directory.fill(request)
                request.fail(FileSystemError(errno: EACCES, "half way"))
            }
        }
        let peer = try KernelPeer(toy)
        #expect(try peer.ask(.readdirplus, KernelPeer.reading(size: 4096)).error == -EACCES)
        #expect(toy.calls(atLeast: 3) == ["readdir from 0", "forget 100 1", "forget 101 1"])
    }

    @Test func `the nodes of a page that nobody hears of are given back`() throws {
        let directory = Directory(count: 1)
        let held = Mutex<DirectoryRequest?>(nil)
        let toy = ScriptedFileSystem { script in
            script.readdir = { request in
                directory.fill(request)
                var request: DirectoryRequest? = consume request
                held.withLock { $0 = request.take() }
            }
        }
        let peer = try KernelPeer(toy)
        try peer.send(.readdirplus, KernelPeer.reading(size: 4096))
        #expect(becomesTrue { held.withLock { $0 != nil } })
        peer.hangUp()
        held.withLock { $0.take() }?.finish()
        #expect(toy.calls.last == "forget 100 1")
    }
}
