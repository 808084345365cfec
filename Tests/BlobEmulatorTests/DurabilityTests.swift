import Foundation
import Testing

@testable import BlobEmulator

/// A directory that is gone when the test is over.
final class ScratchDirectory {
    let path = FileManager.default.temporaryDirectory.appending(path: "emulator-\(UUID().uuidString)").path

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// What a machine that lost power, or a killed process, would find: a copy taken while the server runs.
    func frozen() throws -> ScratchDirectory {
        let copy = ScratchDirectory()
        try FileManager.default.copyItem(atPath: path, toPath: copy.path)
        return copy
    }
}

@Suite(.timeLimit(.minutes(5)))
struct DurabilityTests {
    private let directory = ScratchDirectory()

    /// More than travels in the journal.
    private let large = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }

    private func fill(_ server: TestServer) throws {
        try server.makeContainer()
        try server.request(
            "PUT",
            "/jobs/small",
            ["x-ms-blob-type": "BlockBlob", "x-ms-meta-Key": "value", "x-ms-tags": "a=b"],
            body: Array("small".utf8)
        )
        try server.request("PUT", "/jobs/large?comp=block&blockid=AAAA", body: large)
        try server.request("PUT", "/jobs/large?comp=block&blockid=AAAB", body: Array("tail".utf8))
        try server.request(
            "PUT",
            "/jobs/large?comp=blocklist",
            body: Array("<BlockList><Latest>AAAA</Latest><Latest>AAAB</Latest></BlockList>".utf8)
        )
        try server.request("PUT", "/jobs/staged?comp=block&blockid=AAAA", body: large)
        try server.request("PUT", "/jobs/log", ["x-ms-blob-type": "AppendBlob"])
        for part in ["one", "two"] {
            try server.request("PUT", "/jobs/log?comp=appendblock", body: Array(part.utf8))
        }
        try server.put("/jobs/gone", "x")
        try server.request("DELETE", "/jobs/gone")
        try server.put("/jobs/leased", "x")
        try server.request(
            "PUT",
            "/jobs/leased?comp=lease",
            ["x-ms-lease-action": "acquire", "x-ms-lease-duration": "-1"]
        )
        try server.put("/jobs/snapped", "old")
        try server.request("PUT", "/jobs/snapped?comp=snapshot")
        try server.put("/jobs/snapped", "new")
        try server.request("PUT", "/jobs/disk", ["x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "1024"])
    }

    private func check(_ server: TestServer) throws {
        let small = try server.request("GET", "/jobs/small")
        #expect(small.text == "small")
        #expect(small.headers["x-ms-meta-key"] == "value")
        #expect(small.headers["x-ms-tag-count"] == "1")
        #expect(try server.request("GET", "/jobs/large").body == large + Array("tail".utf8))
        #expect(
            try server.request("GET", "/jobs/large", ["x-ms-range": "bytes=99999-100001"]).body
                == [large[99_999]] + Array("ta".utf8)
        )
        #expect(try server.request("GET", "/jobs/log").text == "onetwo")
        #expect(try server.request("HEAD", "/jobs/log").headers["x-ms-blob-committed-block-count"] == "2")
        #expect(try server.request("HEAD", "/jobs/gone").status == 404)
        #expect(try server.request("DELETE", "/jobs/leased").code == "LeaseIdMissing")
        #expect(try server.request("GET", "/jobs/snapped").text == "new")
        #expect(try server.request("DELETE", "/jobs/snapped").code == "SnapshotsPresent")
        #expect(try server.request("GET", "/jobs/disk").body == [UInt8](repeating: 0, count: 1024))
        #expect(
            try server.request("GET", "/jobs/large?comp=blocklist").text.contains("<Name>AAAB</Name><Size>4</Size>")
        )
        let uncommitted = try server.request("GET", "/jobs/staged?comp=blocklist&blocklisttype=all")
        #expect(uncommitted.text.contains("<UncommittedBlocks><Block><Name>AAAA</Name>"))
    }

    @Test
    func `everything acknowledged is there after a crash`() throws {
        let server = try TestServer(dataDirectory: directory.path)
        try fill(server)
        let crashed = try directory.frozen()
        let etag = try server.request("HEAD", "/jobs/small").headers["etag"]
        let revived = try TestServer(dataDirectory: crashed.path)
        try check(revived)
        #expect(try revived.request("HEAD", "/jobs/small").headers["etag"] == etag)
        try revived.request(
            "PUT",
            "/jobs/staged?comp=blocklist",
            body: Array("<BlockList><Uncommitted>AAAA</Uncommitted></BlockList>".utf8)
        )
        #expect(try revived.request("GET", "/jobs/staged").body == large)
    }

    @Test
    func `a record that a crash tore is dropped with what follows it`() throws {
        do { try fill(try TestServer(dataDirectory: directory.path)) }
        let journal = directory.path + "/journal"
        let whole = try Data(contentsOf: URL(filePath: journal))
        try (whole + [9, 0, 0, 0, 1, 2, 3]).write(to: URL(filePath: journal))
        do { try check(try TestServer(dataDirectory: directory.path)) }
        let server = try TestServer(dataDirectory: directory.path)
        try server.put("/jobs/later", "after the tear")
        let crashed = try directory.frozen()
        let revived = try TestServer(dataDirectory: crashed.path)
        #expect(try revived.request("GET", "/jobs/later").text == "after the tear")
    }

    @Test
    func `every prefix of the journal can be opened`() throws {
        do { try fill(try TestServer(dataDirectory: directory.path)) }
        let whole = try Data(contentsOf: URL(filePath: directory.path + "/journal"))
        for length in stride(from: 0, through: whole.count, by: max(1, whole.count / 17)) {
            let copy = try directory.frozen()
            try whole[..<length].write(to: URL(filePath: copy.path + "/journal"))
            try withExtendedLifetime(copy) { _ = try TestServer(dataDirectory: copy.path) }
        }
    }

    @Test
    func `bodies of the past are deleted and the journal is kept short`() throws {
        do {
            let server = try TestServer(dataDirectory: directory.path)
            try server.makeContainer()
            for _ in 0..<20 {
                try server.request("PUT", "/jobs/a", ["x-ms-blob-type": "BlockBlob"], body: large)
            }
            for index in 0..<1100 { try server.put("/jobs/b", "content \(index)") }
        }
        func files() -> [String] {
            (FileManager.default.subpaths(atPath: directory.path + "/content") ?? []).filter { $0.contains("/") }
        }
        let size = try Data(contentsOf: URL(filePath: directory.path + "/journal")).count
        let server = try TestServer(dataDirectory: directory.path)
        #expect(files().count == 1)
        #expect(try Data(contentsOf: URL(filePath: directory.path + "/journal")).count < size / 100)
        #expect(try server.request("GET", "/jobs/a").body == large)
        #expect(try server.request("GET", "/jobs/b").text == "content 1099")
    }

    @Test
    func `two emulators do not share a directory`() throws {
        let server = try TestServer(dataDirectory: directory.path)
        #expect(throws: EmulatorError.self) { try TestServer(dataDirectory: directory.path) }
        withExtendedLifetime(server) {}
    }

    @Test
    func `writers at the same time are all kept`() async throws {
        let server = try TestServer(dataDirectory: directory.path)
        try server.makeContainer()
        let requests = (0..<64).map {
            server.head("PUT", "/jobs/\($0)", ["x-ms-blob-type": "BlockBlob"], length: 1) + "x"
        }
        let port = server.emulator.port
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for request in requests {
                group.addTask {
                    let client = try RawClient(port: port)
                    client.send(request)
                    return try client.readAnswer().status
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == [Int](repeating: 201, count: 64))
        let crashed = try directory.frozen()
        let revived = try TestServer(dataDirectory: crashed.path)
        for index in 0..<64 { #expect(try revived.request("HEAD", "/jobs/\(index)").status == 200) }
    }
}
