import BlobStorage
import TestSupport
import Testing

/// What storage with a hierarchical namespace promises about directories and names.
@Suite(.timeLimit(.minutes(5)))
struct PathContract {
    @Test(arguments: StorageUnderTest.hierarchical)
    func `a directory is there once, with its metadata`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let directory = bench.address("a/b")
            let version = try await bench.store.makeDirectory(directory, metadata: ["colour": "blue"])
            let properties = try await bench.store.properties(of: directory)
            #expect(properties.isDirectory)
            #expect(properties.version == version)
            #expect(properties.metadata == ["colour": "blue", "hdi_isfolder": "true"])
            await expectFailure(.alreadyExists) { try await bench.store.makeDirectory(directory, metadata: [:]) }
            try await bench.put("file", "x")
            await expectFailure(.alreadyExists) {
                try await bench.store.makeDirectory(bench.address("file"), metadata: [:])
            }
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `directories come with what is put into them, and stay`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("x/y/z", "1")
            #expect(try await bench.names() == ["x", "x/y", "x/y/z"])
            try await bench.store.delete(bench.address("x/y/z"), condition: .any)
            #expect(try await bench.names() == ["x", "x/y"])
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `a listing by level shows directories with their version`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let version = try await bench.store.makeDirectory(bench.address("d"), metadata: ["colour": "blue"])
            try await bench.put("d/x", "1")
            try await bench.put("d-1", "1")
            let query = BlobQuery(container: bench.container, delimiter: "/", includesMetadata: true)
            let items = try await bench.list(query)
            #expect(items.map(\.name) == ["d-1", "d/"])
            guard case .prefix(_, let properties?)? = items.last else {
                Issue.record("\(items)")
                return
            }
            #expect(properties.isDirectory && properties.version == version)
            #expect(try await bench.names(prefix: "d/", delimiter: "/") == ["d/x"])
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `only an empty directory is removed, unless all is to go`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("d/sub/x", "1")
            let directory = bench.address("d")
            await expectFailure(.notEmpty) { try await bench.store.removeDirectory(directory, recursively: false) }
            await expectFailure(.notEmpty) { try await bench.store.delete(directory, condition: .any) }
            #expect(try await bench.text(of: "d/sub/x") == "1")
            try await bench.store.removeDirectory(directory, recursively: true)
            #expect(try await bench.names() == [])
            await expectFailure(.notFound) { try await bench.store.removeDirectory(directory, recursively: false) }
            _ = try await bench.store.makeDirectory(directory, metadata: [:])
            try await bench.store.removeDirectory(directory, recursively: false)
            #expect(try await bench.names() == [])
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `a file keeps bytes, metadata and version under its new name`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let version = try await bench.put("a", "bytes", headers: BlobHeaders(metadata: ["colour": "blue"]))
            let moved = try await bench.store.renamePath(
                bench.address("a"),
                .file(version.etag),
                to: bench.address("far/away/b"),
                condition: .absent
            )
            #expect(moved == version)
            let properties = try await bench.store.properties(of: bench.address("far/away/b"))
            #expect(properties.version == version && properties.metadata == ["colour": "blue"])
            #expect(try await bench.names() == ["far", "far/away", "far/away/b"])
            #expect(try await bench.text(of: "far/away/b") == "bytes")
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `a file takes another's place only where it may`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let version = try await bench.put("a", "new")
            try await bench.put("b", "old")
            let (source, target) = (bench.address("a"), bench.address("b"))
            await expectFailure(.alreadyExists) {
                try await bench.store.renamePath(source, .file(version.etag), to: target, condition: .absent)
            }
            #expect(try await bench.text(of: "b") == "old")
            _ = try await bench.store.renamePath(source, .file(version.etag), to: target, condition: .any)
            #expect(try await bench.text(of: "b") == "new")
            #expect(try await bench.names() == ["b"])
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `another version than the one that was meant stays where it is`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let first = try await bench.put("a", "first")
            try await bench.put("a", "second")
            let (source, target) = (bench.address("a"), bench.address("b"))
            await expectFailure(.conditionFailed) {
                try await bench.store.renamePath(source, .file(first.etag), to: target, condition: .any)
            }
            await expectFailure(.conditionFailed) {
                try await bench.store.renamePath(
                    bench.address("gone"),
                    .file(first.etag),
                    to: target,
                    condition: .any
                )
            }
            #expect(try await bench.names() == ["a"])
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `a directory moves with all that is in it`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            for number in 0..<20 { try await bench.put("old/sub/\(number)", "\(number)") }
            let etag = try await bench.store.properties(of: bench.address("old")).version.etag
            for known in [etag, nil] {
                let (source, target) = known == nil ? ("new", "old") : ("old", "new")
                _ = try await bench.store.renamePath(
                    bench.address(source),
                    .directory(known),
                    to: bench.address(target),
                    condition: .absent
                )
                #expect(try await bench.names().count == 22)
                #expect(try await bench.text(of: "\(target)/sub/7") == "7")
                await expectFailure(.notFound) { try await bench.store.properties(of: bench.address(source)) }
            }
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `a directory is never put in the place of anything`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("d/x", "1")
            try await bench.put("full/y", "2")
            try await bench.put("file", "3")
            _ = try await bench.store.makeDirectory(bench.address("empty"), metadata: [:])
            for target in ["full", "file", "empty"] {
                await expectFailure(.alreadyExists) {
                    try await bench.store.renamePath(
                        bench.address("d"),
                        .directory(nil),
                        to: bench.address(target),
                        condition: .absent
                    )
                }
            }
            await expectFailure(.invalid) {
                try await bench.store.renamePath(
                    bench.address("d"),
                    .directory(nil),
                    to: bench.address("d/inside"),
                    condition: .absent
                )
            }
            await expectFailure(.notFound) {
                try await bench.store.renamePath(
                    bench.address("nothing"),
                    .directory(nil),
                    to: bench.address("z"),
                    condition: .absent
                )
            }
            #expect(try await bench.names() == ["d", "d/x", "empty", "file", "full", "full/y"])
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `nothing is put where a directory is, nor below a file`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            try await bench.put("d/x", "1")
            await expectFailure(.conflict) { try await bench.put("d", "2") }
            await expectFailure(.conflict) { try await bench.put("d/x/y", "3") }
            await expectFailure(.alreadyExists) { try await bench.put("d", "2", condition: .absent) }
            #expect(try await bench.names() == ["d", "d/x"])
        }
    }

    @Test(arguments: StorageUnderTest.hierarchical)
    func `metadata of a directory can be changed`(storage: StorageUnderTest) async throws {
        try await Bench.run(storage) { bench in
            let directory = bench.address("d")
            let version = try await bench.store.makeDirectory(directory, metadata: [:])
            let changed = try await bench.store.setMetadata(
                ["colour": "red"],
                of: directory,
                condition: .matches(version.etag)
            )
            let properties = try await bench.store.properties(of: directory)
            #expect(properties.isDirectory && properties.metadata["colour"] == "red")
            #expect(properties.version == changed && changed.etag != version.etag)
        }
    }
}
