import Glibc
import TestSupport
import Testing

@testable import HandOver

/// The table that outlives its process, read again as the next process would.
final class SurvivorsTests {
    private let memory = Survivors.makeMemory()

    deinit { close(memory) }

    private func open() throws -> Survivors { try #require(Survivors(descriptor: memory)) }

    @Test func `what was set is there for the next process, what was removed is not`() throws {
        let table = try open()
        table.set(.directory, 1, [1, 2, 3])
        table.set(.directory, 1, [4])
        table.set(.file, 1, [])
        table.set(.handle, 9, [7])
        table.remove(.handle, 9)
        table.remove(.handle, 10)
        let next = try open()
        #expect(next.entries(.directory).map(\.bytes) == [[4]])
        #expect(next.entries(.file).map(\.bytes) == [[]])
        #expect(next.entries(.handle).isEmpty)
        #expect(next.isComplete)
    }

    @Test func `marks only rise`() throws {
        let table = try open()
        table.raise(.node, to: 7)
        table.raise(.node, to: 3)
        let next = try open()
        #expect(next.mark(.node) == 7)
        #expect(next.mark(.handle) == 0)
    }

    @Test func `the table is what a dictionary would be after any changes, and stays small`() throws {
        var random = SeededRandom(seed: testSeed())
        var expected: [UInt64: [UInt8]] = [:]
        var table = try open()
        for step in 0..<40_000 {
            let key = UInt64.random(in: 0..<200, using: &random)
            if Bool.random(using: &random) {
                let bytes = [UInt8](
                    repeating: UInt8(truncatingIfNeeded: step),
                    count: .random(in: 0...400, using: &random)
                )
                table.set(.directory, key, bytes)
                expected[key] = bytes
            } else {
                table.remove(.directory, key)
                expected[key] = nil
            }
            // 200 records of at most 416 bytes, twice, and 1 MiB.
            #expect(table.logSize <= 2 * 200 * 416 + (1 << 20) + 416)
            if step % 10_000 == 9_999 {
                table = try open()
                #expect(
                    Dictionary(uniqueKeysWithValues: table.entries(.directory).map { ($0.key, $0.bytes) }) == expected
                )
            }
        }
    }

    @Test func `memory that holds something else is not taken for a table`() throws {
        var word: UInt64 = 0xBAD
        #expect(pwrite(memory, &word, 8, 0) == 8)
        #expect(Survivors(descriptor: memory) == nil)
    }

    @Test func `a log that ends within a record is not taken for one`() throws {
        try open().set(.file, 1, [1, 2, 3])
        var end: UInt64 = 20
        #expect(pwrite(memory, &end, 8, 8) == 8)
        #expect(Survivors(descriptor: memory) == nil)
    }

    @Test func `a table that is full says that it is not complete, to the next process as well`() throws {
        let table = try open()
        let large = [UInt8](repeating: 1, count: SharedMemory.regionSize)
        table.set(.file, 1, large)
        #expect(!table.isComplete)
        #expect(try !open().isComplete)
    }

    @Test func `fields are read as they were written, and no further`() {
        var writer = RecordWriter()
        writer.add(UInt16(7))
        writer.add("é")
        writer.add(Int64?.none) { $0.add($1) }
        writer.add(Int64?.some(-1)) { $0.add($1) }
        var reader = RecordReader(writer.bytes)
        #expect(reader.integer(UInt16.self) == 7)
        #expect(reader.text() == "é")
        #expect(reader.optional { $0.integer(Int64.self) } == .some(nil))
        #expect(reader.optional { $0.integer(Int64.self) } == .some(-1))
        #expect(reader.bool() == nil)
    }
}

struct KeeperLinkTests {
    @Test func `a message arrives with its descriptor`() throws {
        let ends = try #require(KeeperLink.pair())
        let (keeper, worker) = (KeeperLink(socket: ends.keeper), KeeperLink(socket: ends.worker))
        var pipe: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&pipe) == 0)
        defer { for end in pipe { close(end) } }
        #expect(worker.send(.keep(7), descriptor: pipe[1]))
        #expect(worker.send(.drop(7)))
        let first = try #require(keeper.receive())
        #expect(first.message == .keep(7))
        let copy = try #require(first.descriptor)
        defer { close(copy) }
        #expect(fcntl(copy, F_GETFD) & FD_CLOEXEC != 0)
        #expect(write(copy, "x", 1) == 1)
        var byte: UInt8 = 0
        #expect(read(pipe[0], &byte, 1) == 1 && byte == UInt8(ascii: "x"))
        let second = try #require(keeper.receive())
        #expect(second.message == .drop(7) && second.descriptor == nil)
    }

    @Test func `the end of a worker is the end of its messages, and that of a keeper no error to die of`() throws {
        let ends = try #require(KeeperLink.pair())
        let keeper = KeeperLink(socket: ends.keeper)
        do { _ = KeeperLink(socket: ends.worker) }
        #expect(keeper.receive() == nil)
        #expect(!keeper.send(.ready))
    }
}
