internal import BlobStorage
internal import Glibc
internal import SystemPackage
internal import TestSupport
internal import Testing

/// Small changes of large files, and copies that the store makes.
package enum EditBehaviours {
    package static let all: [Behaviour] = [
        // §3.11
        Behaviour("an append to a large file sends what was appended, and all of it reads back") { (world) throws in
            var bytes = pattern(3_000_000)
            world.store.add(world.blob("f"), bytes)
            let descriptor = try world.files.open(world.path("f"), O_RDWR | O_APPEND)
            for index in 0..<3 {
                let moved = world.store.byteCountMoved
                try world.files.write(descriptor, pattern(1000 + index))
                bytes += pattern(1000 + index)
                try world.files.fsync(descriptor)
                #expect(world.store.bytes(of: world.blob("f")) == bytes)
                #expect(world.store.byteCountMoved - moved < 64 << 10)
            }
            #expect(try world.files.readAll(descriptor) == bytes)
            try world.files.close(descriptor)
            world.letValidityPass()
            #expect(try world.files.readFile(world.path("f")) == bytes)
        },
        Behaviour("a byte in the middle of a large file sends little, and reads are right before and after") {
            (world) throws in
            var bytes = pattern(3_000_000)
            world.store.add(world.blob("f"), bytes)
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            let moved = world.store.byteCountMoved
            for position in [0, 1_500_000, 2_999_999] {
                try world.files.pwrite(descriptor, [7], at: UInt64(position))
                bytes[position] = 7
            }
            try world.files.fsync(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == bytes)
            #expect(world.store.byteCountMoved - moved < 600_000)
            #expect(try world.files.readAll(descriptor) == bytes)
            try world.files.truncate(descriptor, to: 2_000_000)
            bytes.removeSubrange(2_000_000...)
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == bytes)
        },
        Behaviour("bytes of the old version that are on their way when an edit is committed come from the new one") {
            (world) throws in
            var bytes = pattern(30_000_000)
            world.store.add(world.blob("f"), bytes)
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            try world.files.pwrite(descriptor, [1], at: 0)
            bytes[0] = 1
            world.store.hold(.read)
            let (files, part) = (world.files, 20_000_000..<20_001_000)
            let reading = Worker { try files.pread(descriptor, count: part.count, at: UInt64(part.lowerBound)) }
            try blocking { await world.store.waitUntilHeld(.read) }
            // Its list names the old blocks, or has ranges copied: nothing is read for it here.
            let committing = Worker { try files.fsync(descriptor) }
            while world.store.count(of: .putBlockList) == 0 { usleep(1000) }
            world.store.release(.read)
            try committing.join()
            #expect(try reading.join() == Array(bytes[part]))
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("f")) == bytes)
        },
        Behaviour("an edited file that is renamed while it is open goes on under its new name") { (world) throws in
            var bytes = pattern(3_000_000)
            world.store.add(world.blob("f"), bytes)
            let descriptor = try world.files.open(world.path("f"), O_RDWR)
            try world.files.pwrite(descriptor, [1], at: 1_000_000)
            bytes[1_000_000] = 1
            try world.files.fsync(descriptor)
            try world.files.rename(world.path("f"), to: world.path("g"), flags: 0)
            #expect(try world.files.readAll(descriptor) == bytes)
            try world.files.pwrite(descriptor, [2], at: 2_000_000)
            bytes[2_000_000] = 2
            try world.files.close(descriptor)
            #expect(world.store.bytes(of: world.blob("g")) == bytes)
            #expect(world.store.bytes(of: world.blob("f")) == nil)
        },
        // §3.12
        Behaviour("a copy is made by the store, and reads back before and after it is closed") { (world) throws in
            let bytes = pattern(3_000_000)
            world.store.add(world.blob("f"), bytes)
            let source = try world.files.open(world.path("f"), O_RDONLY)
            let copy = try world.files.open(world.path("g"), O_RDWR | O_CREAT | O_EXCL)
            let moved = world.store.byteCountMoved
            #expect(try world.files.copyRange(source, to: copy, at: 0, count: 2_000_000) == 2_000_000)
            #expect(try world.files.copyRange(source, to: copy, at: 2_000_000, count: 2_000_000) == 1_000_000)
            #expect(try world.files.copyRange(source, to: copy, at: 3_000_000, count: 10) == 0)
            #expect(world.store.byteCountMoved == moved)
            let second = try world.files.duplicate(copy)
            #expect(try world.files.status(copy).size == 3_000_000)
            #expect(try world.files.pread(copy, count: 100, at: 1_234_567) == Array(bytes[1_234_567..<1_234_667]))
            try world.files.close(copy)
            #expect(world.store.bytes(of: world.blob("g")) == bytes)
            world.store.remove(world.blob("f"))
            #expect(try world.files.readAll(second) == bytes)
            try world.files.close(second)
            try world.files.close(source)
        },
        Behaviour("a copy of what is not in the store yet is made through the kernel") { (world) throws in
            try world.makeJob()
            let source = try world.files.open(world.path("f"), O_RDWR | O_CREAT)
            try world.files.write(source, pattern(600_000))
            let copy = try world.files.open(world.path("g"), O_RDWR | O_CREAT)
            #expect(try world.files.copyRange(source, to: copy, at: 0, count: 600_000) == 600_000)
            try world.files.close(copy)
            #expect(world.store.bytes(of: world.blob("g")) == pattern(600_000))
            try world.files.close(source)
        },
        // §6.2
        Behaviour("an exchange of two names is refused, and changes nothing") { (world) throws in
            world.put("f", "one")
            world.put("g", "two")
            expect(.invalidArgument) {
                try world.files.rename(world.path("f"), to: world.path("g"), flags: 2)
            }
            #expect(try world.files.readText(world.path("f")) == "one")
            #expect(try world.files.readText(world.path("g")) == "two")
        },
    ]
}
