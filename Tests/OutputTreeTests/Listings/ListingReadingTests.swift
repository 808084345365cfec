import BlobStorage
import FileSystemModel
import FileSystemSuite
import Glibc
import OutputTree
import SystemPackage
import TestSupport
import Testing

/// What one reading of a directory shows while it goes from page to page, and others change the directory.
@Suite("Reading directories", .timeLimit(.minutes(2)))
struct ListingReadingTests {
    /// A world in which pages hold ten names, and `count` files.
    private func world(_ count: Int, keepsNames: Bool = true, pageSize: Int = 10) throws -> TreeWorld {
        let world = try TreeWorld(keepsNames: keepsNames, habits: ListingHabits(pageSizeMax: pageSize))
        for number in 0..<count { world.put(name(number), "x") }
        return world
    }

    private func name(_ number: Int) -> String { "f" + String(1_000 + number).dropFirst() }
    private func names(_ numbers: Range<Int>) -> [String] { numbers.map(name) }

    private func inWorld(
        _ count: Int,
        _ body: @escaping @Sendable (TreeWorld, DirectoryReader) throws -> Void
    ) async throws {
        try await onOwnThread {
            let world = try world(count)
            defer { world.end() }
            let reader = try DirectoryReader(world.kernel, world.folder)
            world.store.resetCounts()
            try body(world, reader)
            reader.close()
        }
    }

    @Test func `the first names come after the first page, and the next page is asked for meanwhile`() async throws {
        let world = try world(35)
        let reader = try await onOwnThread { UncheckedBox(try DirectoryReader(world.kernel, world.folder)) }
        world.store.resetCounts()
        world.store.hold(.listBlobs)
        let first = Worker { try reader.value.read(from: 0) }
        await world.store.waitUntilHeld(.listBlobs)
        world.store.releaseFirst(.listBlobs)
        let lines = try await first.value()
        // The last of the page waits for the next: a directory of its name may follow.
        #expect(lines.map(\.name) == names(0..<9))
        // Nobody has asked for more yet.
        await world.store.waitUntilHeld(.listBlobs)
        #expect(world.store.count(of: .listBlobs) == 2)
        world.store.release(.listBlobs)
        try await onOwnThread {
            let rest = try reader.value.readAll(from: lines[8].nextOffset)
            #expect(rest.map(\.name) == names(9..<35))
            #expect(world.store.counts == [.listBlobs: 4])
            reader.value.close()
            world.end()
        }
    }

    @Test func `several who open a directory within the validity share its pages`() async throws {
        try await inWorld(35) { world, reader in
            let other = try DirectoryReader(world.kernel, world.folder)
            world.store.resetCounts()
            #expect(try reader.readAll(capacity: 3).count == 35)
            world.clock.advance(by: .milliseconds(900))
            #expect(try other.readAll(withAttributes: true).count == 35)
            #expect(world.store.counts == [.listBlobs: 4])
            world.letValidityPass()
            #expect(try other.readAll().count == 35)
            #expect(world.store.counts == [.listBlobs: 8])
            other.close()
        }
    }

    @Test func `a reading may seek to every position that it was told, also when its pages are gone`() async throws {
        try await inWorld(35) { world, reader in
            let lines = try reader.readAll(capacity: 4)
            world.letValidityPass()
            // Another directory's listing takes the old pages out of memory.
            let other = try DirectoryReader(world.kernel, "jobs/j")
            _ = try other.readAll()
            other.close()
            for index in [34, 0, 17, 8, 9, 10, 33, 20] {
                let rest = try reader.readAll(from: lines[index].nextOffset)
                #expect(rest.map(\.name) == names(index + 1..<35))
            }
            #expect(try reader.readAll().map(\.name) == names(0..<35))
        }
    }

    @Test func `a position stays behind its name though others were made and removed before it`() async throws {
        try await inWorld(35) { world, reader in
            let lines = try reader.readAll()
            world.letValidityPass()
            world.store.remove(world.blob(name(11)))
            world.put(name(12) + "x", "new")
            world.put(name(12) + "y", "new")
            let other = try DirectoryReader(world.kernel, "jobs/j")
            _ = try other.readAll()
            other.close()
            world.store.resetCounts()
            let rest = try reader.readAll(from: lines[14].nextOffset)
            #expect(rest.map(\.name) == names(15..<35))
            #expect(world.store.count(of: .listBlobs) > 0)
        }
    }

    @Test(arguments: 1...4, [StorageError.Kind.unavailable, .denied])
    func `a page that fails fails that readdir, and the next try goes on`(
        _ page: Int,
        _ kind: StorageError.Kind
    ) async throws {
        // Without the right to list, the first page is what this mount wrote.
        guard page > 1 || kind != .denied else { return }
        try await inWorld(35) { world, reader in
            world.store.fail(call: page, of: .listBlobs, error: .test(kind))
            var shown: [String] = []
            var offset: UInt64 = 0
            var failures = 0
            while true {
                do throws(Errno) {
                    let lines = try reader.read(from: offset, capacity: 5)
                    guard let last = lines.last else { break }
                    shown += lines.map(\.name)
                    offset = last.nextOffset
                } catch {
                    #expect(error == (kind == .denied ? .permissionDenied : .ioError))
                    failures += 1
                    guard failures < 5 else { break }
                }
            }
            // A page that was asked for ahead of time may be asked for again before anybody noticed.
            #expect(failures <= 1)
            #expect(shown == names(0..<35))
            let text = try world.files.readText(world.path(name(0)))
            #expect(text == "x")
        }
    }

    @Test func `removing each name as it comes removes all`() async throws {
        try await onOwnThread {
            let world = try world(400, pageSize: 50)
            defer { world.end() }
            try world.files.removeTree(world.folder)
            #expect(world.blobNames.isEmpty)
        }
    }

    @Test func `names that are removed between two readdirs do not end the reading`() async throws {
        try await inWorld(25) { world, reader in
            let first = try reader.read(from: 0, capacity: 4)
            #expect(first.map(\.name) == names(0..<2))
            for number in 2..<9 { try world.files.unlink(world.path(name(number))) }
            let rest = try reader.readAll(from: first[1].nextOffset, withAttributes: true)
            // One that is gone may still be named, to carry the reading over; none has attributes.
            let gone = rest.filter { names(2..<9).contains($0.name) }
            #expect(gone.count <= 1 && gone.allSatisfy { $0.size == nil })
            #expect(rest.map(\.name).suffix(16) == names(9..<25)[...])
        }
    }

    @Test func `files made and removed here are laid over the pages that they belong to`() async throws {
        try await inWorld(35) { world, reader in
            let first = try reader.read(from: 0)
            try world.files.writeFile(world.path(name(3) + "-late"), "behind the reading")
            try world.files.writeFile(world.path(name(20) + "-new"), "before it")
            try world.files.writeFile(world.path("zzz"), "after all")
            try world.files.makeDirectory(world.path(name(22) + "-dir"))
            try world.files.unlink(world.path(name(25)))
            let unsent = try world.files.open(world.path(name(30) + "-unsent"), O_WRONLY | O_CREAT)
            let rest = try reader.readAll(from: first[first.count - 1].nextOffset)
            let made = [name(20) + "-new", name(22) + "-dir", name(30) + "-unsent", "zzz"]
            let expected = (names(9..<35).filter { $0 != name(25) } + made).sorted()
            #expect(rest.map(\.name).sorted() == expected)
            #expect(rest.first { $0.name == name(22) + "-dir" }?.kind == .directory)
            try world.files.close(unsent)
            let all = try reader.readAll().map(\.name)
            #expect(all.count == 35 - 1 + 5)
            #expect(Set(all).count == all.count)
        }
    }

    @Test func `a listing in no order is shown whole, and every name once`() async throws {
        try await onOwnThread {
            let habits = ListingHabits(pageSizeMax: 2, ordersByUTF16: true)
            let world = try TreeWorld(keepsNames: true, habits: habits)
            defer { world.end() }
            // By UTF-16 the emoji come before the ligatures.
            let odd = ["a", "ﬁ", "ﬂ", "ﬃ", "😀", "😁", "😂", "z"]
            for name in odd { world.put(name, "x") }
            world.put("😁/below", "x")
            for _ in 0..<2 {
                let reader = try DirectoryReader(world.kernel, world.folder)
                let lines = try reader.readAll(capacity: 3)
                #expect(Set(lines.map(\.name)).count == lines.count)
                #expect(Set(lines.map(\.name)).isSuperset(of: odd))
                for name in odd { #expect(try reader.lookup(name) != nil) }
                reader.close()
                world.letValidityPass()
            }
            let kinds = try world.files.list(world.folder)
            #expect(kinds.first { $0.name == "😁" }?.kind == .directory)
            #expect(kinds.contains { $0.name == "%=😁%file" && $0.kind == .file })
        }
    }

    @Test func `what a refreshed page says is as fresh as it claims`() async throws {
        try await inWorld(35) { world, reader in
            _ = try reader.readAll()
            world.letValidityPass()
            world.put(name(12), "longer")
            world.store.remove(world.blob(name(13)))
            world.put(name(14) + "-new", "new")
            // The first by itself, the second by its page.
            #expect(try reader.lookup(name(11)) == 1)
            #expect(try reader.lookup(name(12)) == 6)
            world.store.resetCounts()
            #expect(try reader.lookup(name(13)) == nil)
            #expect(try reader.lookup(name(14)) == 1)
            #expect(try reader.lookup(name(14) + "-new") == 3)
            #expect(world.store.counts.isEmpty)
            world.letValidityPass()
            world.put(name(12), "longer still")
            #expect(try reader.lookup(name(12)) == 12)
        }
    }

    @Test func `a page grows and shrinks between its neighbours`() async throws {
        try await inWorld(35) { world, reader in
            _ = try reader.readAll()
            world.letValidityPass()
            for number in 0..<25 { world.put(name(15) + "-\(number)", "new") }
            for number in 22..<27 { world.store.remove(world.blob(name(number))) }
            for number in 0..<35 where !(22..<27).contains(number) {
                #expect(try reader.lookup(name(number)) == 1)
            }
            for number in 0..<25 { #expect(try reader.lookup(name(15) + "-\(number)") == 3) }
            for number in 22..<27 { #expect(try reader.lookup(name(number)) == nil) }
            #expect(world.store.count(of: .listBlobs) < 30)
        }
    }

    @Test func `a listing that fails leaves stat to itself`() async throws {
        try await inWorld(35) { world, reader in
            _ = try reader.readAll()
            world.letValidityPass()
            #expect(try reader.lookup(name(11)) == 1)
            world.store.fail(call: 1, of: .listBlobs, error: .test(.unavailable))
            #expect(try reader.lookup(name(12)) == 1)
        }
    }
}

/// Handed from thread to thread, used by one at a time.
private final class UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
