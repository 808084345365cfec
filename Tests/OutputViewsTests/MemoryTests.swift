import BlobStorage
import OutputConventions
import Testing

@testable import OutputViews

/// What gathering remembers of names that programs look for in vain: no more than is said.
struct MemoryTests {
    @Test func `containers that are looked for in vain are not remembered`() {
        let memory = ForeachJobMemory()
        for number in 0..<1_000 { memory.note("guess\(number)", nil, isJob: false, at: 5) }
        #expect(memory.count == 0)
        let version = BlobVersion(etag: ETag("1"), lastModified: 0)
        memory.note("job", nil, isJob: true, at: 5)
        #expect(memory.isJob("job", version, now: 6) == true)
        // Deleted, and looked for by its name.
        memory.note("job", nil, isJob: false, at: 7)
        #expect(memory.isJob("job", version, now: 8) == nil)
        #expect(memory.count == 0)
    }

    @Test func `folders that are no uploads are forgotten when there are many, and uploads are not`() throws {
        let memory = GatherMemory { .zero }
        let upload = ConfirmedUpload(name: "data", version: "1", lastModified: 0, askedAt: .zero)
        let confirmed = try folder(0)
        memory.remember(.unconfirmed(askedAt: .seconds(1)), of: confirmed)
        memory.remember(.confirmed(upload), of: confirmed)
        memory.remember(.unconfirmed(askedAt: .seconds(2)), of: confirmed)
        #expect(memory.unconfirmedCount == 0)
        for number in 1...GatherMemory.unconfirmedMax + 1 {
            memory.remember(.unconfirmed(askedAt: .seconds(3)), of: try folder(number))
            #expect(memory.unconfirmedCount <= GatherMemory.unconfirmedMax)
        }
        guard case .confirmed(upload)? = memory[confirmed] else {
            Issue.record("the upload is forgotten")
            return
        }
        guard case .unconfirmed(.seconds(3))? = memory[try folder(GatherMemory.unconfirmedMax + 1)] else {
            Issue.record("the last one is forgotten")
            return
        }
    }

    private func folder(_ number: Int) throws -> UploadFolder {
        let digits = String(number, radix: 16)
        let id = String(repeating: "0", count: 32 - digits.count) + digits
        return try #require(UploadFolder(container: "c", prefix: "LocalUpload/\(id)/"))
    }
}
