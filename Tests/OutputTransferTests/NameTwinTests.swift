import FoundationEssentials
import Testing

@testable import OutputTransfer

/// Names that Unicode takes for one and the service for two: `é` in one character, and in two.
struct NameTwinTests {
    private static let twins = ["\u{E9}", "e\u{301}"]

    @Test func `a synchronized folder remembers both`() throws {
        var memory = SyncMemory(remote: "there")
        for (name, count) in zip(Self.twins, [1, 2] as [UInt64]) {
            memory.files[NameBytes(name)] = SyncMemory.File(byteCount: count, modified: 0, md5: "m", etag: "e")
        }
        let read = try JSONDecoder().decode(SyncMemory.self, from: try JSONEncoder().encode(memory))
        #expect(read.files == memory.files)
        #expect(Self.twins.map { read.files[NameBytes($0)]?.byteCount } == [1, 2])
    }

    @Test func `what an earlier version remembered is read`() throws {
        let text = #"{"version":1,"remote":"r","files":{"a/b":{"byteCount":3,"modified":4,"md5":"m","etag":"e"}}}"#
        let memory = try JSONDecoder().decode(SyncMemory.self, from: Data(text.utf8))
        #expect(memory.files[NameBytes("a/b")]?.byteCount == 3)
    }

    @Test func `what a later version remembers is not guessed at`() throws {
        let text = Data(#"{"version":3,"remote":"r","files":[]}"#.utf8)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(SyncMemory.self, from: text) }
    }

    @Test func `runs have places of their own`() {
        let places = Self.twins.map { Job.Place(container: "azureml", prefix: "ExperimentRun/dcid.\($0)/") }
        #expect(Set(places).count == 2)
    }
}
