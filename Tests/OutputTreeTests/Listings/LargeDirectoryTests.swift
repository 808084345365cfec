import BlobStorage
import FileSystemSuite
import Foundation
import Glibc
import TestSupport
import Testing

@testable import OutputTree

/// How many requests walks over large directories cost, and how much memory.
@Suite("Large directories", .timeLimit(.minutes(5)))
struct LargeDirectoryTests {
    /// A tree over `count` files in `containers/many/d`.
    private final class Many: Sendable {
        let store: ManyBlobs
        let clock = ManualClock()
        let tree: OutputFileSystem
        let files: TreeFiles
        private let spool: TemporaryDirectory

        /// `listing`: how long it takes.
        init(_ count: Int, listing: Duration = .zero) throws {
            store = ManyBlobs(count: count) { [clock] in clock.advance(by: listing) }
            spool = try TemporaryDirectory()
            tree = try makeTree(
                over: store,
                options: TreeOptions(userID: geteuid(), groupID: getegid()),
                spool: spool.path,
                clock: clock.treeClock
            )
            files = TreeFiles(fileSystem: tree, keepsNames: true)
        }

        func reader() throws -> DirectoryReader { try DirectoryReader(files, "containers/many/d") }
        func letValidityPass() { clock.advance(by: .milliseconds(1_001)) }

        /// Requests that `body` costs.
        func requests(_ body: () throws -> Void) rethrows -> (lists: Int, heads: Int) {
            let before = (store.listCount, store.headCount)
            try body()
            return (store.listCount - before.0, store.headCount - before.1)
        }

        deinit { tree.shutDown() }
    }

    @Test func `a listing costs one request for every 5,000 names, with or without attributes`() async throws {
        try await onOwnThread {
            for withAttributes in [false, true] {
                let many = try Many(20_000)
                let reader = try many.reader()
                var count = 0
                let cost = try many.requests {
                    count = try reader.readAll(capacity: 900, withAttributes: withAttributes).count
                }
                #expect(count == 20_000)
                #expect(cost == (4, 0))
                reader.close()
            }
        }
    }

    @Test func `stat of every name right after its listing costs nothing`() async throws {
        try await onOwnThread {
            let many = try Many(20_000)
            let reader = try many.reader()
            let cost = try many.requests {
                var offset: UInt64 = 0
                while true {
                    let lines = try reader.read(from: offset, capacity: 900)
                    guard let last = lines.last else { break }
                    for line in lines.prefix(100) where try reader.lookup(line.name) == nil {
                        Issue.record("\(line.name)")
                    }
                    offset = last.nextOffset
                }
            }
            #expect(cost == (4, 0))
            reader.close()
        }
    }

    @Test func `du over files that take longer than the validity costs a listing of each page for each validity`()
        async throws
    {
        try await onOwnThread {
            let many = try Many(20_000)
            let reader = try many.reader()
            let names = try reader.readAll(capacity: 900)
            // Every second 2,500 files: each page is asked for in two validities.
            var sizes: UInt64 = 0
            let cost = try many.requests {
                for (index, line) in names.enumerated() {
                    if index.isMultiple(of: 2_500) { many.letValidityPass() }
                    sizes += try reader.lookup(line.name) ?? 0
                }
            }
            #expect(sizes == (0..<20_000).reduce(0, +))
            // Only the first name of all is asked for by itself, by a HEAD and, since it may be a directory, a List. The
            // last name of a page is listed with the next.
            #expect(cost.lists <= 8 + 3 + 1)
            #expect(cost.heads <= 1)
            reader.close()
        }
    }

    @Test func `names in no order, all expired, cost a listing of each page`() async throws {
        try await onOwnThread {
            let many = try Many(20_000)
            let reader = try many.reader()
            var random = SeededRandom(seed: testSeed())
            let names = try reader.readAll(capacity: 900).shuffled(using: &random).prefix(3_000)
            many.letValidityPass()
            let cost = try many.requests {
                for line in names where try reader.lookup(line.name) == nil {
                    Issue.record("\(line.name) is not there")
                }
            }
            // By itself at most one of each page, before it is clear that this is a walk, and the three that were held
            // back at the ends of pages; each costs a HEAD and, since it may be a directory, a List.
            #expect(cost.lists <= 4 + 7)
            #expect(cost.heads <= 7)
            reader.close()
        }
    }

    @Test func `names in no order cost listings also where all pages together take most of the validity`() async throws
    {
        try await onOwnThread {
            let many = try Many(60_000, listing: .milliseconds(60))
            let reader = try many.reader()
            var random = SeededRandom(seed: testSeed())
            let names = try reader.readAll(capacity: 5_000).shuffled(using: &random).prefix(20_000)
            many.letValidityPass()
            let cost = try many.requests {
                for line in names {
                    many.clock.advance(by: .microseconds(200))
                    if try reader.lookup(line.name) == nil { Issue.record("\(line.name) is not there") }
                }
            }
            // 4 s of lookups and 0.7 s of listings for each second of them.
            #expect(cost.lists + cost.heads < 1_000, "\(cost)")
            reader.close()
        }
    }

    @Test func `a lone stat is one request`() async throws {
        try await onOwnThread {
            let many = try Many(20_000)
            let reader = try many.reader()
            _ = try reader.readAll(capacity: 900)
            for _ in 0..<5 {
                many.letValidityPass()
                many.clock.advance(by: .seconds(5))
                let cost = many.requests { _ = try? reader.lookup(ManyBlobs.name(7)) }
                #expect(cost.heads == 1)
                // Whether it is a directory.
                #expect(cost.lists <= 1)
            }
            reader.close()
        }
    }

    @Test func `files that are looked up by name in a directory that nobody listed cost one listing`() async throws {
        try await onOwnThread {
            let many = try Many(4_000)
            let reader = try many.reader()
            let first = many.requests { _ = try? reader.lookup(ManyBlobs.name(7)) }
            #expect(first.heads == 1)
            let others = many.requests {
                for number in 8..<108 { _ = try? reader.lookup(ManyBlobs.name(number)) }
            }
            #expect(others.heads == 0 && others.lists == 1)
            reader.close()
        }
    }

    @Test func `a name that is not there costs nothing while its page is fresh`() async throws {
        try await onOwnThread {
            let many = try Many(20_000)
            let reader = try many.reader()
            _ = try reader.readAll(capacity: 900)
            let cost = try many.requests {
                for number in stride(from: 0, to: 20_000, by: 997) {
                    if try reader.lookup(ManyBlobs.name(number) + ".crc") != nil { Issue.record("\(number)") }
                }
                for name in ["a", "zzz"] where try reader.lookup(name) != nil { Issue.record("\(name)") }
            }
            #expect(cost == (0, 0))
            reader.close()
        }
    }

    /// `OUTPUTFS_SOAK_SECONDS` (scripts/test --soak) lists the million; a debug build takes half a minute for it.
    @Test func `of a million entries the pages that are kept stay within their bound`() async throws {
        let isSoak = ProcessInfo.processInfo.environment["OUTPUTFS_SOAK_SECONDS"] != nil
        let total = isSoak ? 1_000_000 : 200_000
        try await onOwnThread {
            let many = try Many(total)
            let reader = try many.reader()
            var (count, offset, last) = (0, UInt64(0), "")
            var isInOrder = true
            let cost = try many.requests {
                while true {
                    let lines = try reader.read(from: offset, capacity: 5_000)
                    guard let end = lines.last else { break }
                    count += lines.count
                    isInOrder = isInOrder && last < lines[0].name
                    (offset, last) = (end.nextOffset, end.name)
                }
            }
            #expect(count == total)
            #expect(isInOrder)
            #expect(cost == (total / 5_000, 0))
            #expect(many.tree.listings.byteCount <= ListingMemory.byteCountMax)
            // Pages that were dropped for want of room still know which names they do not have.
            let absent = try many.requests { _ = try reader.lookup(ManyBlobs.name(7) + ".crc") }
            #expect(absent == (0, 0))
            reader.close()
        }
    }
}
