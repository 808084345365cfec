import BlobStorage
import FileSystemModel
import OutputConventions
import Testing

@testable import OutputTree

@Suite struct FileFactsTests {
    private func facts(
        etag: String = "\"0x8DE0123456789AB\"",
        type: BlobType = .block,
        created: Int64? = nil,
        md5: String? = nil,
        modified: Int64 = 1_700_000_000,
        metadata: BlobMetadata = [:]
    ) -> FileFacts {
        FileFacts(
            BlobProperties(
                version: BlobVersion(etag: ETag(etag), lastModified: modified),
                length: 10,
                type: type,
                creationTime: created,
                contentMD5: md5,
                metadata: metadata
            )
        )
    }

    @Test func `what a name says of a file is no difference of its version`() {
        let plain = facts()
        let secret = plain.with(BlobAddress(container: "film", name: "film.rds"))
        #expect(plain == secret && plain.hashValue == secret.hashValue)
    }

    @Test func `facts stay small, as a node for each of a million files has them`() {
        #expect(MemoryLayout<FileFacts>.size <= 68)
        #expect(MemoryLayout<FileFacts?>.stride <= 72)
    }

    @Test(arguments: [
        "\"0x8DE0123456789AB\"", "\"0x0\"", "\"0xFFFFFFFFFFFFFFFF\"", "\"0x1FFFFFFFFFFFFFFFF\"",
        "\"0x8de0123456789ab\"",
        "\"0x08DE\"", "\"0x\"", "0x8DE", "0x8DE0123456789AB", "\"0x8DE\" ", "\"0x8DE", "W/\"0x8DE\"", "x", "\"\"", "",
        "\"0xÄ\"",
    ])
    func `an ETag comes back byte by byte`(text: String) {
        #expect(facts(etag: text).etag.text == text)
        var later = facts(etag: "\"0x1\"")
        later.etag = ETag(text)
        #expect(later.etag.text == text)
        #expect(later == facts(etag: text))
    }

    @Test func `only the service's form of an ETag is kept as a number`() {
        #expect(PackedText.number(ofETag: "\"0x8DE\"") == 0x8DE)
        #expect(PackedText.number(ofETag: "\"0x0\"") == 0)
        for text in ["\"0x08DE\"", "\"0x8de\"", "0x8DE", "\"0x\"", "\"0x10000000000000000\"", "\"0x8DE\"\""] {
            #expect(PackedText.number(ofETag: text) == nil)
        }
    }

    @Test(arguments: [
        "eB5eJF1ptWaXm4bijSPyxw==", "AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w==", "1B2M2Y8AsgTpgAmY7PhCfg==",
        "eB5eJF1ptWaXm4bijSPyxx==", "eB5eJF1ptWaXm4bijSPyxw", "eB5eJF1ptWaXm4bijSPyx-==", "MD5 of bytes", "",
    ])
    func `an MD5 comes back byte by byte`(text: String) {
        #expect(facts(md5: text).contentMD5 == text)
    }

    @Test func `an MD5 is kept as the bytes that it stands for`() throws {
        // The MD5 of no bytes, d41d8cd98f00b204e9800998ecf8427e.
        let bytes = try #require(PackedText.bytes(ofBase64: "1B2M2Y8AsgTpgAmY7PhCfg=="))
        #expect(bytes == (0xd41d_8cd9_8f00_b204, 0xe980_0998_ecf8_427e))
        // Bits behind the 128th.
        #expect(PackedText.bytes(ofBase64: "1B2M2Y8AsgTpgAmY7PhCfh==") == nil)
    }

    @Test func `odd ETag and odd MD5 do not drive each other out`() {
        var both = facts(etag: "odd", md5: "odder")
        #expect((both.etag.text, both.contentMD5) == ("odd", "odder"))
        both.etag = ETag("\"0x2\"")
        #expect((both.etag.text, both.contentMD5) == ("\"0x2\"", "odder"))
        both.etag = ETag("even")
        #expect((both.etag.text, both.contentMD5) == ("even", "odder"))
    }

    @Test(arguments: [BlobType.block, .append, .page])
    func `what stat needs comes back as it was`(type: BlobType) {
        let metadata: BlobMetadata = [
            "modtime": "-1", "permissions": "33204", "posix_owner": "4294967295", "posix_group": "0",
        ]
        let facts = facts(type: type, created: 5, modified: 1_794_389_400, metadata: metadata)
        #expect(facts.type == type)
        #expect(facts.lastModified == 1_794_389_400)
        #expect(facts.posix == PosixMetadata(metadata))
        #expect(facts.modificationTime == Timestamp(seconds: -1, nanoseconds: 999_999_999))
        #expect(facts.creationTime == (type == .append ? 5 : nil))
        #expect(!facts.isArchived && !facts.isDirectoryMarker && facts.kind == .file)
    }

    @Test(arguments: [-9_000_000_000, -1, 0, 1, 8_589_934_591, 9_000_000_000, .max, .min] as [Int64])
    func `times are right until the year 2242 and end there`(seconds: Int64) {
        let facts = facts(modified: seconds, metadata: ["modtime": "1700000000123456789"])
        #expect(facts.lastModified == min(max(seconds, -8_589_934_592), 8_589_934_591))
        #expect(facts.modificationTime == Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_789))
    }

    @Test func `another ETag is another version, whatever its form`() {
        #expect(facts(etag: "\"0x1\"").relation(to: facts(etag: "\"0x1\"")) == .same)
        #expect(facts(etag: "\"0x1\"").relation(to: facts(etag: "\"0x2\"")) == .replaced)
        #expect(facts(etag: "\"0x0\"").relation(to: facts(etag: "")) == .replaced)
        #expect(facts(etag: "a").relation(to: facts(etag: "a")) == .same)
        #expect(facts(etag: "a").relation(to: facts(etag: "b")) == .replaced)
        let md5 = "1B2M2Y8AsgTpgAmY7PhCfg=="
        #expect(facts(etag: "\"0x1\"", md5: md5).relation(to: facts(etag: "\"0x2\"", md5: md5)) == .sameBytes)
        #expect(facts(etag: "\"0x1\"", md5: md5).relation(to: facts(etag: "\"0x2\"", md5: "x")) == .replaced)
    }
}
