import BlobStorage
import TestSupport

@testable import BlobWriting

extension WritingFixture {
    func makeLog(_ start: AppendPosition.Start = .absent) throws -> DirtyFile {
        try DirtyFile(scheduler: scheduler, blob: blob, base: nil, known: .absent, log: start)
    }

    /// The log that is there, to be appended to.
    func openLog() async throws -> DirtyFile {
        try DirtyFile(scheduler: scheduler, blob: blob, base: try await store.properties(of: blob))
    }

    /// As another program appends.
    func appendElsewhere(_ text: String) async throws {
        let end = try await store.properties(of: blob).length
        _ = try await store.append(UploadBody(Array(text.utf8)), to: blob, at: end)
    }

    var storedText: String? { stored.map { String(decoding: $0, as: UTF8.self) } }
}

extension DirtyFile {
    @discardableResult
    func append(_ text: String) async throws -> WriteOutcome {
        while true {
            guard try write(Array(text.utf8), at: Int(size)) == .busy else { return .done }
            await waitUntilWritable(at: .max)
        }
    }
}
