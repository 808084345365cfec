import BlobStorage
import Testing

@testable import OutputTransfer

struct OverwriteDecisionTests {
    private static func blob(metadata: BlobMetadata = [:], md5: String? = nil) -> BlobProperties {
        var blob = BlobProperties(
            version: BlobVersion(etag: ETag("\"1\""), lastModified: 100),
            length: 5,
            contentMD5: md5
        )
        blob.metadata = metadata
        return blob
    }

    private static func decision(_ existing: ExistingFile?, _ blob: BlobProperties, validates: Bool = false)
        -> OverwriteDecision
    {
        OverwriteDecision(.changed, existing, blob, validates: validates)
    }

    @Test func `what has length, time and version is kept`() {
        let there = ExistingFile(byteCount: 5, modified: 100, etag: "\"1\"")
        #expect(Self.decision(there, Self.blob()) == .keep)
        #expect(Self.decision(.init(byteCount: 5, modified: 100, etag: "\"0\""), Self.blob()) == .fetch)
        #expect(Self.decision(.init(byteCount: 4, modified: 100, etag: "\"1\""), Self.blob()) == .fetch)
        #expect(Self.decision(nil, Self.blob()) == .fetch)
    }

    @Test func `the time is the one that was set, where one is stored`() {
        let blob = Self.blob(metadata: ["modtime": "7500000000"])
        #expect(Self.decision(.init(byteCount: 5, modified: 7, etag: nil), blob) == .keep)
        #expect(Self.decision(.init(byteCount: 5, modified: 100, etag: nil), blob) == .fetch)
    }

    @Test func `who validates keeps nothing for its time alone`() {
        let there = ExistingFile(byteCount: 5, modified: 100, etag: "\"1\"")
        #expect(Self.decision(there, Self.blob(md5: "m"), validates: true) == .compare(md5: "m"))
        #expect(Self.decision(there, Self.blob(), validates: true) == .keep)
    }
}
