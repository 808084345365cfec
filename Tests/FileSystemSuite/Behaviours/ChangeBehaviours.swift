internal import BlobStorage
internal import Glibc
internal import SystemPackage
internal import TestSupport
internal import Testing

/// Names that move and go, and what is kept beside the bytes.
package enum ChangeBehaviours {
    package static let all: [Behaviour] = renames + removals + attributes

    private static let renames: [Behaviour] = [
        // §3.7
        Behaviour("a file is renamed with its bytes, mode and time") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f.txt"), pattern(400_000))
            try world.files.setPermissions(world.path("f.txt"), 0o640)
            try world.files.setModificationTime(world.path("f.txt"), 1_234_567_890_123_456_789)
            try world.files.rename(world.path("f.txt"), to: world.path("g.txt"))
            #expect(!world.files.exists(world.path("f.txt")))
            #expect(world.stored("f.txt") == nil)
            let other = try world.anotherMount()
            for files in [world.files, other] {
                #expect(try files.names(world.folder) == ["g.txt"])
                #expect(try files.readFile(world.path("g.txt")) == pattern(400_000))
                let status = try files.status(world.path("g.txt"))
                #expect(status.permissions == 0o640)
                #expect(status.modificationTime == 1_234_567_890_123_456_789)
            }
        },
        // §3.7
        Behaviour("write tmp, rename over: the new file is there, the temporary one is not") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "old")
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.readAll(reader) == Array("old".utf8))
            try world.files.writeFile(world.path("f.tmp"), "brand new")
            try world.files.rename(world.path("f.tmp"), to: world.path("f"))
            #expect(try world.files.readText(world.path("f")) == "brand new")
            #expect(try world.files.status(world.path("f")).size == 9)
            #expect(try world.files.names(world.folder) == ["f"])
            #expect(world.stored("f") == "brand new")
            #expect(try world.files.readAll(reader) == Array("old".utf8))
            try world.files.close(reader)
        },
        Behaviour("a file that is open and unsent can be renamed, and is sent under its new name") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("a"), O_RDWR | O_CREAT)
            try world.files.write(descriptor, Array("bytes".utf8))
            try world.files.rename(world.path("a"), to: world.path("b"))
            try world.files.write(descriptor, Array(" more".utf8))
            #expect(try world.files.names(world.folder) == ["b"])
            #expect(try world.files.readText(world.path("b")) == "bytes more")
            try world.files.close(descriptor)
            #expect(world.stored("a") == nil)
            #expect(world.stored("b") == "bytes more")
        },
        Behaviour("an open file with changes follows its rename") { (world) throws in
            world.store.add(world.blob("a"), pattern(900_000))
            let descriptor = try world.files.open(world.path("a"), O_RDWR)
            try world.files.pwrite(descriptor, [255], at: 7)
            try world.files.rename(world.path("a"), to: world.path("b"))
            try world.files.pwrite(descriptor, [254], at: 8)
            try world.files.close(descriptor)
            var wanted = pattern(900_000)
            wanted[7] = 255
            wanted[8] = 254
            #expect(world.store.bytes(of: world.blob("b")) == wanted)
            #expect(world.stored("a") == nil)
        },
        Behaviour("an open reader follows a rename") { (world) throws in
            world.store.add(world.blob("a"), pattern(900_000))
            let descriptor = try world.files.open(world.path("a"), O_RDONLY)
            #expect(try world.files.pread(descriptor, count: 3, at: 0) == Array(pattern(3)))
            try world.files.rename(world.path("a"), to: world.path("b"))
            #expect(try world.files.readAll(descriptor) == pattern(900_000))
            try world.files.close(descriptor)
        },
        Behaviour("an unsent file renamed over a stored one replaces it") { (world) throws in
            world.put("b", "old")
            let descriptor = try world.files.open(world.path("a"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("new".utf8))
            try world.files.rename(world.path("a"), to: world.path("b"))
            #expect(try world.files.readText(world.path("b")) == "new")
            try world.files.close(descriptor)
            #expect(world.stored("b") == "new")
            #expect(try world.files.names(world.folder) == ["b"])
        },
        Behaviour("renaming a file onto itself, or onto its own name in another view, changes nothing") {
            (world) throws in
            world.put("f", "x")
            let twin = "containers/job-j/t/$TaskOutput/f"
            try world.files.rename(world.path("f"), to: world.path("f"))
            try world.files.rename(world.path("f"), to: twin)
            #expect(world.stored("f") == "x")
            #expect(try world.files.readText(twin) == "x")
            try world.files.rename(world.path("f"), to: "containers/job-j/elsewhere")
            #expect(world.blobNames == ["elsewhere"])
            #expect(!world.files.exists(world.path("f")))
        },
        // §3.7
        Behaviour("a directory is renamed with everything in it, and open files follow") { (world) throws in
            for number in 0..<40 { world.put("d/n\(number)", "\(number)") }
            world.put("d/sub/deep", "deep")
            let reader = try world.files.open(world.path("d/n7"), O_RDONLY)
            let writer = try world.files.open(world.path("d/unsent"), O_WRONLY | O_CREAT)
            try world.files.write(writer, Array("unsent".utf8))
            try world.files.rename(world.path("d"), to: world.path("e"))
            #expect(!world.files.exists(world.path("d")))
            #expect(try world.files.names(world.folder) == ["e"])
            #expect(try world.files.names(world.path("e")).count == 42)
            #expect(try world.files.readText(world.path("e/n39")) == "39")
            #expect(try world.files.readText(world.path("e/sub/deep")) == "deep")
            #expect(try world.files.readAll(reader) == Array("7".utf8))
            try world.files.close(reader)
            try world.files.close(writer)
            #expect(world.stored("e/unsent") == "unsent")
            let left = world.blobNames.filter { $0.contains("/d/") }
            #expect(left == [])
        },
        Behaviour("rename tells apart what may replace what") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories(world.path("d"))
            try world.files.makeDirectories(world.path("full"))
            try world.files.writeFile(world.path("full/x"), "x")
            try world.files.writeFile(world.path("f"), "f")
            let files = world.files
            expect(.noSuchFileOrDirectory) { try files.rename(world.path("none"), to: world.path("n")) }
            expect(.isDirectory) { try files.rename(world.path("f"), to: world.path("d")) }
            expect(.notDirectory) { try files.rename(world.path("d"), to: world.path("f")) }
            expect(.directoryNotEmpty) { try files.rename(world.path("d"), to: world.path("full")) }
            expect(.invalidArgument) { try files.rename(world.path("full"), to: world.path("full/in")) }
            // RENAME_NOREPLACE, RENAME_EXCHANGE
            expect(.fileExists) { try files.rename(world.path("f"), to: world.path("full/x"), flags: 1) }
            expect(.invalidArgument) { try files.rename(world.path("f"), to: world.path("full/x"), flags: 2) }
            expect(.notPermitted) { try files.rename("jobs/j", to: "jobs/k") }
            try files.rename(world.path("full"), to: world.path("d"))
            #expect(try files.names(world.folder) == ["d", "f"])
            #expect(try files.readText(world.path("d/x")) == "x")
        },
    ]

    private static let removals: [Behaviour] = [
        Behaviour("unlink takes the blob away at once") { (world) throws in
            world.put("f", "x")
            world.put("g", "x")
            #expect(try world.files.names(world.folder) == ["f", "g"])
            try world.files.unlink(world.path("f"))
            #expect(world.stored("f") == nil)
            #expect(!world.files.exists(world.path("f")))
            #expect(try world.files.names(world.folder) == ["g"])
            expect(.noSuchFileOrDirectory) { try world.files.open(world.path("f"), O_RDONLY) }
        },
        // §3.8
        Behaviour("who has an unlinked file open reads on") { (world) throws in
            world.store.add(world.blob("f"), pattern(900_000))
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
            #expect(!world.files.exists(world.path("f")))
            #expect(try world.files.names(world.folder) == [])
            #expect(try world.files.readAll(descriptor) == pattern(900_000))
            #expect(try world.files.status(descriptor).size == 900_000)
            try world.files.close(descriptor)
            let isGone = eventually { world.stored("f") == nil }
            #expect(isGone)
        },
        Behaviour("an unlinked open file that was never sent is never sent") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_RDWR | O_CREAT)
            try world.files.write(descriptor, Array("secret".utf8))
            try world.files.unlink(world.path("f"))
            try world.files.write(descriptor, Array(" more".utf8))
            #expect(try world.files.readAll(descriptor) == Array("secret more".utf8))
            try world.files.close(descriptor)
            world.letValidityPass()
            #expect(world.stored("f") == nil)
            #expect(try world.files.names(world.folder) == [])
        },
        Behaviour("directories and links can take a name that was unlinked while open") { (world) throws in
            for name in ["d", "l"] { world.put(name, "old") }
            let descriptors = try ["d", "l"].map { try world.files.open(world.path($0), O_RDONLY) }
            for name in ["d", "l"] { try world.files.unlink(world.path(name)) }
            try world.files.makeDirectory(world.path("d"))
            try world.files.makeLink(world.path("l"), to: "d")
            for descriptor in descriptors { try world.files.close(descriptor) }
            world.letValidityPass()
            #expect(try world.files.status(world.path("d")).kind == .directory)
            #expect(try world.files.readLink(world.path("l")) == "d")
        },
        Behaviour("writing to an unlinked file does not bring its name back") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_RDWR | O_CREAT)
            try world.files.unlink(world.path("f"))
            try world.files.write(descriptor, [1])
            try world.files.truncate(descriptor, to: 100)
            #expect(!world.files.exists(world.path("f")))
            try world.files.makeDirectory(world.path("f"))
            try world.files.close(descriptor)
            #expect(try world.files.status(world.path("f")).kind == .directory)
        },
        Behaviour("a name that was unlinked while open can be used again at once") { (world) throws in
            world.put("f", "old")
            let descriptor = try world.files.open(world.path("f"), O_RDONLY)
            try world.files.unlink(world.path("f"))
            try world.files.writeFile(world.path("f"), "new")
            #expect(try world.files.readText(world.path("f")) == "new")
            try world.files.close(descriptor)
            world.letValidityPass()
            #expect(try world.files.readText(world.path("f")) == "new")
            #expect(world.stored("f") == "new")
        },
    ]

    private static let attributes: [Behaviour] = [
        // §3.9
        Behaviour("mode, owner and time are kept, also for other mounts") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "x")
            try world.files.setPermissions(world.path("f"), 0o755)
            try world.files.setOwner(world.path("f"), user: 1234, group: 5678)
            try world.files.setModificationTime(world.path("f"), 1_000_000_000_987_654_321)
            let other = try world.anotherMount()
            for files in [world.files, other] {
                let status = try files.status(world.path("f"))
                #expect(status.permissions == 0o755)
                #expect(status.userID == 1234 && status.groupID == 5678)
                #expect(status.modificationTime == 1_000_000_000_987_654_321)
            }
            #expect(world.stored("f") == "x")
            let metadata = world.store.storedProperties(of: world.blob("f"))?.metadata
            #expect(metadata?["permissions"] == "33261")
            #expect(metadata?["posix_owner"] == "1234")
            #expect(metadata?["modtime"] == "1000000000987654321")
        },
        Behaviour("what is set before the close rides with the upload") { (world) throws in
            try world.makeJob()
            world.store.resetCounts()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("x".utf8))
            try world.files.setPermissions(world.path("f"), 0o600)
            try world.files.setAttribute(world.path("f"), "user.tag", Array("v".utf8))
            try world.files.close(descriptor)
            #expect(world.store.count(of: .setMetadata) == 0)
            #expect(world.store.count(of: .putBlob) == 1)
            let other = try world.anotherMount()
            #expect(try other.status(world.path("f")).permissions == 0o600)
            #expect(try other.attribute(world.path("f"), "user.tag") == Array("v".utf8))
        },
        Behaviour("the time does not jump at the commit") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("x".utf8))
            let before = try world.files.status(world.path("f")).modificationTime
            world.letValidityPass()
            try world.files.close(descriptor)
            #expect(try world.files.status(world.path("f")).modificationTime == before)
            world.letValidityPass()
            #expect(try world.files.status(world.path("f")).modificationTime == before)
            let other = try world.anotherMount()
            #expect(try other.status(world.path("f")).modificationTime == before)
        },
        Behaviour("the time that `cp -p` sets before the close is kept") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("x".utf8))
            try world.files.setModificationTime(world.path("f"), 1_500_000_000_000_000_001)
            try world.files.close(descriptor)
            world.letValidityPass()
            #expect(try world.files.status(world.path("f")).modificationTime == 1_500_000_000_000_000_001)
        },
        Behaviour("a setuid bit is never kept") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "x")
            try world.files.setPermissions(world.path("f"), 0o6755)
            #expect(try world.files.status(world.path("f")).permissions == 0o755)
        },
        // §3.9
        Behaviour("symbolic links read back, and lead on") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "target")
            try world.files.makeLink(world.path("l"), to: "f")
            try world.files.makeLink(world.path("dangling"), to: "../nowhere/é")
            let other = try world.anotherMount()
            for files in [world.files, other] {
                #expect(try files.readLink(world.path("l")) == "f")
                #expect(try files.readText(world.path("l")) == "target")
                #expect(try files.readLink(world.path("dangling")) == "../nowhere/é")
                #expect(try files.status(world.path("l")).kind == .link)
                #expect(try files.status(world.path("l")).size == 1)
                let listed = try files.list(world.folder).first { $0.name == "l" }
                #expect(listed?.kind == .link)
                expect(.noSuchFileOrDirectory) { try files.readFile(world.path("dangling")) }
                expect(.invalidArgument) { try files.readLink(world.path("f")) }
            }
            expect(.fileExists) { try world.files.makeLink(world.path("l"), to: "other") }
            try world.files.unlink(world.path("l"))
            #expect(world.stored("f") == "target")
        },
        // §3.9
        Behaviour("user attributes are kept, listed, replaced and removed") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "x")
            let (files, path) = (world.files, world.path("f"))
            try files.setAttribute(path, "user.color", Array("blue".utf8))
            try files.setAttribute(path, "user.Ünï/x", [0, 255, 10])
            try files.setAttribute(path, "user.empty", [])
            let other = try world.anotherMount()
            for files in [files, other] {
                #expect(try files.attribute(path, "user.color") == Array("blue".utf8))
                #expect(try files.attribute(path, "user.Ünï/x") == [0, 255, 10])
                #expect(try files.attribute(path, "user.empty") == [])
                let names = try files.attributes(path)
                #expect(Set(["user.color", "user.Ünï/x", "user.empty", "user.blob.etag"]).isSubset(of: names))
            }
            // XATTR_CREATE, XATTR_REPLACE
            expect(.fileExists) { try files.setAttribute(path, "user.color", [1], flags: 1) }
            expect(.noData) { try files.setAttribute(path, "user.none", [1], flags: 2) }
            try files.setAttribute(path, "user.color", Array("red".utf8), flags: 2)
            try files.removeAttribute(path, "user.empty")
            expect(.noData) { try files.attribute(path, "user.empty") }
            expect(.noData) { try files.removeAttribute(path, "user.empty") }
            #expect(try files.attribute(path, "user.color") == Array("red".utf8))
            #expect(world.stored("f") == "x")
        },
        // §3.9
        Behaviour("attributes over 8 KiB are E2BIG, and the blob's own properties cannot be set") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "x")
            expect(Errno(rawValue: E2BIG)) {
                try world.files.setAttribute(world.path("f"), "user.big", [UInt8](repeating: 1, count: 9000))
            }
            expect(.notPermitted) { try world.files.setAttribute(world.path("f"), "user.blob.etag", [1]) }
            #expect(
                try world.files.attribute(world.path("f"), "user.blob.type") == Array("BlockBlob".utf8)
            )
        },
        Behaviour("mknod makes an empty file that is in the store when it answers") { (world) throws in
            try world.makeJob()
            try world.files.makeNode(world.path("f"), permissions: 0o600)
            #expect(world.stored("f") == "")
            #expect(try world.files.status(world.path("f")).permissions == 0o600)
            expect(.fileExists) { try world.files.makeNode(world.path("f"), permissions: 0o600) }
        },
    ]
}
