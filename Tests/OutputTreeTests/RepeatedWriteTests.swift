import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// An append that is sent again (§5.6), since the process that had it was killed, is there once.
@Suite(.timeLimit(.minutes(5)))
struct RepeatedWriteTests {
    private func withFile(_ body: @escaping @Sendable (TreeWorld, Int32) throws -> Void) async throws {
        try await onOwnThread {
            let world = try TreeWorld()
            defer { world.end() }
            world.put("other", "makes the folder")
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_APPEND)
            try world.files.write(descriptor, Array("one\n".utf8))
            try body(world, descriptor)
        }
    }

    @Test func `what is there is not appended again`() async throws {
        try await withFile { world, descriptor in
            try world.kernel.appendAgain(descriptor, Array("one\n".utf8), at: 0)
            try world.files.close(descriptor)
            #expect(try world.files.readFile(world.path("f")) == Array("one\n".utf8))
        }
    }

    @Test func `what is not there is appended`() async throws {
        try await withFile { world, descriptor in
            try world.kernel.appendAgain(descriptor, Array("two\n".utf8), at: 4)
            try world.files.close(descriptor)
            #expect(try world.files.readFile(world.path("f")) == Array("one\ntwo\n".utf8))
        }
    }

    @Test(arguments: ["two\n", "one\ntwo\n"])
    func `where something else is, nobody can tell, and nothing is changed`(_ line: String) async throws {
        try await withFile { world, descriptor in
            #expect(throws: Errno.ioError) { try world.kernel.appendAgain(descriptor, Array(line.utf8), at: 0) }
            try world.files.close(descriptor)
            #expect(try world.files.readFile(world.path("f")) == Array("one\n".utf8))
        }
    }
}
