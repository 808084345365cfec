import BlobStorage
import OutputConventions
import Testing

@testable import OutputViews

/// What gathering remembers of names that programs look for in vain: no more than is said.
struct MemoryTests {
    @Test func `folders that are no uploads are forgotten when there are many, and uploads are not`() throws {
        let memory = GatherMemory { .zero }
        let confirmed = try folder(0)
        let indicator = BlobAddress(container: "c", name: "indicator")
        let properties = BlobProperties(version: BlobVersion(etag: ETag("1"), lastModified: 0), length: 0)
        let confirmation = Confirmation(indicator, properties, askedAt: .seconds(2), known: nil)
        memory.remember(.unconfirmed(askedAt: .seconds(1)), of: confirmed, generation: 0)
        memory.remember(.confirmed(confirmation), of: confirmed, generation: 0)
        memory.remember(.unconfirmed(askedAt: .seconds(1)), of: confirmed, generation: 0)
        #expect(memory.unconfirmedCount == 0)
        for number in 1...GatherMemory.unconfirmedMax + 1 {
            memory.remember(.unconfirmed(askedAt: .seconds(3)), of: try folder(number), generation: 0)
            #expect(memory.unconfirmedCount <= GatherMemory.unconfirmedMax)
        }
        guard case .confirmed? = memory[confirmed] else {
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
