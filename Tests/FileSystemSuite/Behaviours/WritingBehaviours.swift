internal import BlobStorage
internal import Glibc
internal import SystemPackage
internal import TestSupport
internal import Testing

/// Bytes on their way into the store.
package enum WritingBehaviours {
    package static let all: [Behaviour] = patterns + commits + exclusive

    private static let patterns: [Behaviour] = [
        Behaviour("a file is stored as it was written in one go") { (world) throws in
            try world.makeJob()
            for count in [1, 1000, 262_143, 262_144, 262_145, 2_000_003] {
                try world.files.writeFile(world.path("f"), pattern(count))
                #expect(world.store.bytes(of: world.blob("f")) == pattern(count), "\(count) bytes")
            }
        },
        Behaviour("many small writes in sequence become one file") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            let bytes = pattern(600_000)
            for start in stride(from: 0, to: bytes.count, by: 4097) {
                try world.files.write(descriptor, Array(bytes[start..<min(start + 4097, bytes.count)]))
            }
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == bytes)
        },
        // §3.1
        Behaviour("writes in any order become one file") { (world) throws in
            try world.makeJob()
            let bytes = pattern(1_300_000)
            let descriptor = try world.files.open(world.path("f"), O_RDWR | O_CREAT)
            for start in stride(from: 0, to: bytes.count, by: 50_000).reversed() {
                try world.files.pwrite(descriptor, Array(bytes[start..<start + 50_000]), at: UInt64(start))
            }
            #expect(try world.files.readAll(descriptor) == bytes)
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == bytes)
        },
        Behaviour("what was never written is zeros") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_RDWR | O_CREAT)
            try world.files.pwrite(descriptor, [1, 2, 3], at: 700_000)
            #expect(try world.files.pread(descriptor, count: 4, at: 699_999) == [0, 1, 2, 3])
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == [UInt8](repeating: 0, count: 700_000) + [1, 2, 3])
        },
        Behaviour("a part of a file in the store can be overwritten") { (world) throws in
            for count in [10, 900_000] {
                var bytes = pattern(count)
                world.store.add(world.blob("f"), bytes)
                let descriptor = try world.files.open(world.path("f"), O_RDWR)
                try world.files.pwrite(descriptor, [255, 254], at: UInt64(count / 2))
                bytes[count / 2] = 255
                bytes[count / 2 + 1] = 254
                #expect(try world.files.readAll(descriptor) == bytes)
                try world.files.close(descriptor)
                #expect(world.store.bytes(of: world.blob("f")) == bytes)
                world.letValidityPass()
                #expect(try world.files.readFile(world.path("f")) == bytes)
            }
        },
        Behaviour("a file in the store can be appended to") { (world) throws in
            for count in [0, 5, 700_000] {
                world.store.add(world.blob("f"), pattern(count))
                let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_APPEND)
                try world.files.write(descriptor, Array("tail".utf8))
                try world.files.close(descriptor)
                #expect(world.store.bytes(of: world.blob("f")) == pattern(count) + Array("tail".utf8))
                world.letValidityPass()
            }
        },
        Behaviour("appends through several descriptors all arrive whole") { (world) throws in
            try world.makeJob()
            let descriptors = try (0..<3).map { _ in
                try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_APPEND)
            }
            for round in 0..<20 {
                for (index, descriptor) in descriptors.enumerated() {
                    try world.files.write(descriptor, Array("\(round).\(index) ".utf8))
                }
            }
            for descriptor in descriptors { try world.files.close(descriptor) }
            let lines = (0..<20).flatMap { round in (0..<3).map { "\(round).\($0) " } }
            #expect(world.stored("f") == lines.joined())
        },
        // §3.1
        Behaviour("truncation shortens and lengthens, by name and by descriptor") { (world) throws in
            world.store.add(world.blob("f"), pattern(500_000))
            try world.files.truncate(world.path("f"), to: 300_000)
            #expect(world.store.bytes(of: world.blob("f")) == pattern(300_000))
            try world.files.truncate(world.path("f"), to: 300_010)
            let longer = pattern(300_000) + [UInt8](repeating: 0, count: 10)
            #expect(world.store.bytes(of: world.blob("f")) == longer)
            #expect(try world.files.readFile(world.path("f")) == longer)
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            try world.files.truncate(descriptor, to: 5)
            #expect(try world.files.status(descriptor).size == 5)
            try world.files.truncate(descriptor, to: 8)
            #expect(try world.files.readAll(descriptor) == pattern(5) + [0, 0, 0])
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == pattern(5) + [0, 0, 0])
            try world.files.truncate(world.path("f"), to: 0)
            #expect(world.store.bytes(of: world.blob("f")) == [])
        },
        Behaviour("holes can be punched and ranges zeroed") { (world) throws in
            world.store.add(world.blob("f"), [UInt8](repeating: 1, count: 400_000))
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, then FALLOC_FL_ZERO_RANGE, then plain.
            try world.files.fallocate(descriptor, mode: 3, offset: 1000, length: 2000)
            try world.files.fallocate(descriptor, mode: 16, offset: 399_999, length: 11)
            try world.files.fallocate(descriptor, mode: 0, offset: 400_000, length: 20)
            try world.files.close(descriptor)
            var wanted = [UInt8](repeating: 1, count: 400_020)
            for index in Array(1000..<3000) + Array(399_999..<400_020) { wanted[index] = 0 }
            #expect(world.store.bytes(of: world.blob("f")) == wanted)
        },
        // §2.2
        Behaviour("handles of one file see each other's bytes at once") { (world) throws in
            world.put("f", "0123456789")
            let reader = try world.files.open(world.path("f"), O_RDONLY)
            #expect(try world.files.pread(reader, count: 10, at: 0) == Array("0123456789".utf8))
            let writer = try world.files.open(world.path("f"), O_WRONLY)
            try world.files.pwrite(writer, Array("XX".utf8), at: 4)
            #expect(try world.files.pread(reader, count: 10, at: 0) == Array("0123XX6789".utf8))
            try world.files.close(writer)
            #expect(try world.files.pread(reader, count: 10, at: 0) == Array("0123XX6789".utf8))
            try world.files.close(reader)
        },
    ]

    private static let commits: [Behaviour] = [
        Behaviour("nothing is in the store before there is something to commit") { (world) throws in
            try world.makeJob()
            // Before the open: a program that is started meanwhile closes its copy of the descriptor, and that commits.
            let other = try world.anotherMount()
            world.store.resetCounts()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(descriptor, Array("x".utf8))
            #expect(world.stored("f") == nil)
            #expect(try world.files.names(world.folder) == ["f"])
            #expect(try world.files.status(world.path("f")).size == 1)
            let elsewhere = try other.names(world.folder)
            #expect(elsewhere == [])
            try world.files.close(descriptor)
            #expect(world.stored("f") == "x")
            #expect(world.store.count(of: .putBlob) == 1)
            world.letValidityPass()
            #expect(try other.readText(world.path("f")) == "x")
        },
        Behaviour("`echo x > f` uploads once, and never an empty file first") { (world) throws in
            try world.makeJob()
            world.store.resetCounts()
            // As the shell does it: open, dup2, close the first, write, close the second.
            let first = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_TRUNC)
            let second = try world.files.duplicate(first)
            try world.files.close(first)
            #expect(world.stored("f") == nil)
            try world.files.write(second, Array("x\n".utf8))
            try world.files.close(second)
            #expect(world.stored("f") == "x\n")
            #expect(world.store.count(of: .putBlob) == 1)
        },
        // §3.3
        Behaviour("`{ a; b; } > f` commits when a ends and again when b does") { (world) throws in
            try world.makeJob()
            let shell = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_TRUNC)
            let a = try world.files.duplicate(shell)
            try world.files.write(a, Array("from a\n".utf8))
            try world.files.close(a)
            #expect(world.stored("f") == "from a\n")
            let b = try world.files.duplicate(shell)
            try world.files.write(b, Array("from b\n".utf8))
            try world.files.close(b)
            #expect(world.stored("f") == "from a\nfrom b\n")
            try world.files.close(shell)
            #expect(world.stored("f") == "from a\nfrom b\n")
        },
        Behaviour("`touch f` leaves an empty blob") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.close(descriptor)
            let isEmpty = eventually { world.stored("f") == "" }
            #expect(isEmpty)
        },
        Behaviour("`: > f` empties a blob that is there") { (world) throws in
            world.put("f", "full")
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_TRUNC)
            #expect(try world.files.status(world.path("f")).size == 0)
            #expect(world.stored("f") == "full")
            try world.files.close(descriptor)
            let isEmpty = eventually { world.stored("f") == "" }
            #expect(isEmpty)
        },
        Behaviour("fsync commits what was written so far") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.fsync(descriptor)
            #expect(world.stored("f") == "")
            try world.files.write(descriptor, Array("one".utf8))
            try world.files.fsync(descriptor)
            #expect(world.stored("f") == "one")
            try world.files.write(descriptor, Array(" two".utf8))
            try world.files.fsync(descriptor)
            #expect(world.stored("f") == "one two")
            world.store.resetCounts()
            try world.files.close(descriptor)
            #expect(world.store.count(of: .putBlob) + world.store.count(of: .putBlockList) == 0)
        },
        // §3.4
        Behaviour("a reader elsewhere sees the old file or the new one, never a part") { (world) throws in
            let (old, new) = ([UInt8](repeating: 1, count: 600_000), [UInt8](repeating: 2, count: 900_000))
            world.store.add(world.blob("f"), old)
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_TRUNC)
            for start in stride(from: 0, to: new.count, by: 100_000) {
                try world.files.write(descriptor, Array(new[start..<start + 100_000]))
                #expect(world.store.bytes(of: world.blob("f")) == old)
            }
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == new)
        },
        // §3.5
        Behaviour("the last close of two writers on two mounts wins as a whole") { (world) throws in
            try world.makeJob()
            let other = try world.anotherMount()
            let (one, two) = (pattern(700_000, seed: 1), pattern(600_000, seed: 2))
            let first = try world.files.open(world.path("f"), O_WRONLY | O_CREAT)
            let second = try other.open(world.path("f"), O_WRONLY | O_CREAT)
            try world.files.write(first, one)
            try other.write(second, two)
            try world.files.close(first)
            #expect(world.store.bytes(of: world.blob("f")) == one)
            try other.close(second)
            #expect(world.store.bytes(of: world.blob("f")) == two)
            world.letValidityPass()
            #expect(try world.files.readFile(world.path("f")) == two)
        },
        Behaviour("an edit of a blob that somebody replaced meanwhile is ESTALE, and their blob stays") {
            (world) throws in
            world.store.add(world.blob("f"), pattern(900_000))
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            try world.files.pwrite(descriptor, [9], at: 5)
            world.put("f", "theirs")
            expect(.staleNFSFileHandle) { try world.files.close(descriptor) }
            #expect(world.stored("f") == "theirs")
        },
        // §3.10
        Behaviour("the content type follows from the name, and the MD5 of the whole is stored") { (world) throws in
            try world.makeJob()
            for (name, type) in [
                ("a.png", "image/png"), ("b.TXT", "text/plain"), ("c.rds", "application/octet-stream"),
                ("none", "application/octet-stream"),
            ] {
                try world.files.writeFile(world.path(name), "abc")
                let properties = world.store.storedProperties(of: world.blob(name))
                #expect(properties?.contentType == type)
                #expect(properties?.contentMD5 == "kAFQmDzST7DWlj99KOF/cg==")
            }
            try world.files.writeFile(world.path("big"), [UInt8](repeating: 0, count: 1 << 20))
            #expect(world.store.storedProperties(of: world.blob("big"))?.contentMD5 == "ttgbNgpWctgMJ0MPORU+LA==")
        },
    ]

    private static let exclusive: [Behaviour] = [
        // §3.6
        Behaviour("O_EXCL of a file that is there is EEXIST") { (world) throws in
            world.put("f", "x")
            expect(.fileExists) { try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_EXCL) }
            #expect(world.stored("f") == "x")
        },
        // §3.6
        Behaviour("an O_EXCL race that is lost after the open shows at close") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_EXCL)
            try world.files.write(descriptor, Array("mine".utf8))
            world.put("f", "theirs")
            expect(.fileExists) { try world.files.close(descriptor) }
            #expect(world.stored("f") == "theirs")
        },
        Behaviour("O_EXCL of a name that is free makes it once") { (world) throws in
            try world.makeJob()
            let descriptor = try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_EXCL)
            expect(.fileExists) { try world.files.open(world.path("f"), O_WRONLY | O_CREAT | O_EXCL) }
            try world.files.write(descriptor, Array("mine".utf8))
            try world.files.close(descriptor)
            #expect(world.stored("f") == "mine")
        },
        Behaviour("a new blob where the mount knew of none is not taken for ours") { (world) throws in
            try world.makeJob()
            #expect(!world.files.exists(world.path("f")))
            world.put("f", "theirs")
            // Without O_EXCL the last close wins.
            try world.files.writeFile(world.path("f"), "ours")
            #expect(world.stored("f") == "ours")
        },
    ]
}
