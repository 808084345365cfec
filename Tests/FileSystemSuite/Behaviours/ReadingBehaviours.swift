internal import BlobStorage
internal import Glibc
internal import SystemPackage
internal import TestSupport
internal import Testing

/// What a reader sees of what others write.
package enum ReadingBehaviours {
    package static let all: [Behaviour] = versions + attributes

    private static let versions: [Behaviour] = [
        Behaviour("a file is read as it is in the store, from any offset") { (world) throws in
            let bytes = pattern(1_000_003)
            world.store.add(world.blob("f"), bytes)
            let files = world.files
            #expect(try files.readFile(world.path("f")) == bytes)
            let descriptor = try files.open(world.path("f"), O_RDONLY)
            for offset in [0, 1, 65_535, 65_536, 262_143, 500_000, 999_999, 1_000_002] {
                let part = try files.pread(descriptor, count: 70_000, at: UInt64(offset))
                #expect(part == Array(bytes[offset..<min(offset + 70_000, bytes.count)]), "at \(offset)")
            }
            #expect(try files.pread(descriptor, count: 10, at: 1_000_003) == [])
            #expect(try files.pread(descriptor, count: 10, at: 5_000_000) == [])
            try files.close(descriptor)
        },
        Behaviour("an empty blob is an empty file") { (world) throws in
            world.put("empty", "")
            #expect(try world.files.readFile(world.path("empty")) == [])
            #expect(try world.files.status(world.path("empty")).size == 0)
        },
        // §2.1
        Behaviour("a reader sees one version or ESTALE, never a mixture") { (world) throws in
            let size = 1 << 20
            world.store.add(world.blob("f"), [UInt8](repeating: 1, count: size))
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.pread(descriptor, count: 4096, at: 0) == [UInt8](repeating: 1, count: 4096))
            world.store.add(world.blob("f"), [UInt8](repeating: 2, count: size))
            var staleCount = 0
            for offset in stride(from: 0, to: size, by: 64 << 10) {
                do throws(Errno) {
                    let part = try world.files.pread(descriptor, count: 64 << 10, at: UInt64(offset))
                    let isOld = part.allSatisfy { $0 == 1 }
                    #expect(isOld)
                } catch {
                    #expect(error == .staleNFSFileHandle)
                    staleCount += 1
                }
            }
            // Not all of it was in memory.
            #expect(staleCount > 0)
            try world.files.close(descriptor)
            #expect(try world.files.readFile(world.path("f")) == [UInt8](repeating: 2, count: size))
        },
        // §2.1
        Behaviour("an open that meets a replaced blob reads the new one, while old handles keep the old one") {
            (world) throws in
            world.put("f", "old")
            let old = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.pread(old, count: 10, at: 0) == Array("old".utf8))
            world.put("f", "newer")
            let new = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.readAll(new) == Array("newer".utf8))
            #expect(try world.files.status(new).size == 5)
            #expect(try world.files.pread(old, count: 10, at: 0) == Array("old".utf8))
            try world.files.close(old)
            try world.files.close(new)
            #expect(try world.files.readText(world.path("f")) == "newer")
        },
        // §2.5
        Behaviour("a foreign change of metadata only does not disturb a reader") { (world) throws in
            let bytes = pattern(1 << 20)
            world.store.add(world.blob("f"), bytes) { $0.contentMD5 = "1B2M2Y8AsgTpgAmY7PhCfg==" }
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.pread(descriptor, count: 10, at: 0) == Array(bytes[..<10]))
            world.store.change(world.blob("f")) { $0.metadata["owner"] = "7" }
            #expect(try world.files.readAll(descriptor) == bytes)
            try world.files.close(descriptor)
        },
        Behaviour("a blob deleted by others is read to the end from memory, or ESTALE") { (world) throws in
            world.store.add(world.blob("f"), [UInt8](repeating: 1, count: 1 << 20))
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            world.store.remove(world.blob("f"))
            expect(.staleNFSFileHandle) { try world.files.readAll(descriptor) }
            try world.files.close(descriptor)
            world.letValidityPass()
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("f")) }
        },
        // §2.4
        Behaviour("a growing append blob is read on, and nothing of it is fetched twice") { (world) throws in
            world.store.add(world.blob("log"), pattern(100_000), type: .append)
            let descriptor = try world.files.open(world.path("log"), O_RDONLY)
            #expect(try world.files.readAll(descriptor) == pattern(100_000))
            try grow(world, by: Array(repeating: 7, count: 1000), at: 100_000)
            world.letValidityPass()
            #expect(try world.files.status(descriptor).size == 101_000)
            #expect(try world.files.pread(descriptor, count: 2000, at: 100_000) == [UInt8](repeating: 7, count: 1000))
            world.store.resetCounts()
            #expect(try world.files.pread(descriptor, count: 65_536, at: 0) == Array(pattern(100_000)[..<65_536]))
            #expect(world.store.count(of: .read) == 0)
            try world.files.close(descriptor)
            #expect(try world.files.readFile(world.path("log")).count == 101_000)
            #expect(world.store.count(of: .read) == 0)
        },
        // §2.4
        Behaviour("an append blob that started over is another version") { (world) throws in
            world.store.add(world.blob("log"), pattern(200_000), type: .append)
            let descriptor = try world.files.open(world.path("log"), O_RDONLY)
            #expect(try world.files.pread(descriptor, count: 10, at: 0).count == 10)
            world.store.advanceTime(bySeconds: 5)
            world.store.add(world.blob("log"), [UInt8](repeating: 9, count: 200_000), type: .append)
            do throws(Errno) {
                // What is in memory of the old one may be read to the end.
                let part = try world.files.pread(descriptor, count: 1000, at: 150_000)
                #expect(part == Array(pattern(200_000)[150_000..<151_000]))
            } catch { #expect(error == .staleNFSFileHandle) }
            try world.files.close(descriptor)
            #expect(try world.files.readFile(world.path("log")) == [UInt8](repeating: 9, count: 200_000))
        },
        // §2.3
        Behaviour("what one mount closed, the next open of another one sees") { (world) throws in
            try world.makeJob()
            let other = try world.anotherMount()
            for text in ["one", "two!", "three", "", "five"] {
                try world.files.writeFile(world.path("f"), text)
                world.letValidityPass()
                // Nothing was written: then the file is placed behind the close.
                if text.isEmpty { _ = eventually { world.stored("f") == text } }
                #expect(try other.readText(world.path("f")) == text)
            }
        },
        Behaviour("an open sees at once what another mount wrote into a file that both know") { (world) throws in
            try world.makeJob()
            let other = try world.anotherMount()
            try world.files.writeFile(world.path("f"), "first")
            #expect(try other.readText(world.path("f")) == "first")
            try world.files.writeFile(world.path("f"), "second version")
            #expect(try other.readText(world.path("f")) == "second version")
        },
    ]

    private static let attributes: [Behaviour] = [
        // §2.3
        Behaviour("stat and ls show what others did when the validity is over") { (world) throws in
            world.put("f", "12345")
            #expect(try world.files.status(world.path("f")).size == 5)
            #expect(try world.files.names(world.folder) == ["f"])
            world.put("f", "1234567")
            world.put("g", "")
            world.letValidityPass()
            #expect(try world.files.status(world.path("f")).size == 7)
            #expect(try world.files.names(world.folder) == ["f", "g"])
            world.store.remove(world.blob("f"))
            world.letValidityPass()
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("f")) }
            #expect(try world.files.names(world.folder) == ["g"])
        },
        Behaviour("a name that was absent is found when the validity is over") { (world) throws in
            try world.makeJob()
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("f")) }
            world.put("f", "x")
            world.letValidityPass()
            #expect(try world.files.status(world.path("f")).size == 1)
            world.put("d/g", "x")
            world.letValidityPass()
            #expect(try world.files.readText(world.path("d/g")) == "x")
        },
        // §1.10
        Behaviour("mode and owner are the mount's unless the blob says otherwise") { (world) throws in
            world.put("plain", "")
            world.put("own", "", metadata: ["permissions": "33152", "posix_owner": "12", "posix_group": "34"])
            world.put("suid", "", metadata: ["permissions": "36333"])
            world.put("rclone", "", metadata: ["mtime": "2020-01-02T03:04:05.5Z"])
            let plain = try world.files.status(world.path("plain"))
            #expect(plain.permissions == 0o644 && plain.userID == geteuid() && plain.groupID == getegid())
            #expect(plain.linkCount == 1)
            let own = try world.files.status(world.path("own"))
            #expect(own.permissions == 0o600 && own.userID == 12 && own.groupID == 34)
            #expect(try world.files.status(world.path("suid")).permissions & 0o6000 == 0)
            #expect(try world.files.status(world.path("rclone")).modificationTime == 1_577_934_245_500_000_000)
            #expect(try world.files.status(world.folder).permissions == 0o755)
        },
        // §2.7
        Behaviour("a blob in the archive tier is EREMOTE to open, and stat shows it") { (world) throws in
            world.put("f", "cold")
            world.store.change(world.blob("f")) { $0.accessTier = "Archive" }
            #expect(try world.files.status(world.path("f")).size == 4)
            expect(Errno(rawValue: EREMOTE)) { try world.files.readFile(world.path("f")) }
        },
        Behaviour("a directory cannot be read or written as a file") { (world) throws in
            try world.makeJob()
            expect(.isDirectory) { try world.files.open(world.folder, O_WRONLY) }
            expect(.isDirectory) { try world.files.truncate(world.folder, to: 0) }
        },
    ]

    private static func grow(_ world: any World, by bytes: [UInt8], at position: UInt64) throws {
        let (store, blob) = (world.store, world.blob("log"))
        try blocking { _ = try await store.append(UploadBody(bytes), to: blob, at: position) }
    }
}
