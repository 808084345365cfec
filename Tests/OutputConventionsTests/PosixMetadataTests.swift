import BlobStorage
import FileSystemModel
import Testing

@testable import OutputConventions

@Suite struct PosixMetadataTests {
    @Test func `azcopy's keys are read`() {
        let posix = PosixMetadata([
            "modtime": "1763000000123456789", "permissions": "33261", "posix_owner": "1001", "posix_group": "100",
        ])
        #expect(posix.modificationTime == Timestamp(seconds: 1_763_000_000, nanoseconds: 123_456_789))
        #expect(posix.permissions == 0o755)
        #expect(posix.userID == 1001)
        #expect(posix.groupID == 100)
    }

    @Test func `azcopy's AMLFS style is read`() {
        let posix = PosixMetadata([
            "modtime": "2026-11-11 02:29:58 -0700", "permissions": "0640", "owner": "7", "group": "8",
        ])
        #expect(posix.modificationTime == Timestamp(seconds: 1_794_389_398))
        #expect(posix.permissions == 0o640)
        #expect(posix.userID == 7)
        #expect(posix.groupID == 8)
    }

    @Test func `rclone's time is read, and azcopy's wins over it`() {
        let rclone = PosixMetadata(["mtime": "2026-11-11T09:29:58.5Z"])
        #expect(rclone.modificationTime == Timestamp(seconds: 1_794_389_398, nanoseconds: 500_000_000))
        let both = PosixMetadata(["mtime": "2026-11-11T09:29:58.5Z", "modtime": "1000000000"])
        #expect(both.modificationTime == Timestamp(seconds: 1))
    }

    @Test func `setuid and setgid are never honoured`() {
        #expect(PosixMetadata(["permissions": "\(0o104755)"]).permissions == 0o755)
        #expect(PosixMetadata(["permissions": "\(0o101777)"]).permissions == 0o1777)
    }

    @Test func `a link that azcopy also calls a folder is a link`() {
        let posix = PosixMetadata(["is_symlink": "TRUE", "hdi_isfolder": "true"])
        #expect(posix.isSymbolicLink)
        #expect(!posix.isDirectory)
    }

    @Test(arguments: ["hdi_isfolder", "Hdi_isfolder", "is_directory"])
    func `a directory marker is known by any tool's key`(key: String) {
        var metadata: BlobMetadata = [:]
        metadata[key] = "true"
        #expect(PosixMetadata(metadata).isDirectory)
        metadata[key] = "false"
        #expect(!PosixMetadata(metadata).isDirectory)
    }

    @Test func `what is written reads back, and foreign keys stay`() {
        var metadata: BlobMetadata = ["author": "someone", "owner": "3", "mtime": "2020-01-01T00:00:00Z"]
        var posix = PosixMetadata()
        posix.modificationTime = Timestamp(seconds: -5, nanoseconds: 250_000_000)
        posix.permissions = 0o600
        posix.userID = 12
        posix.write(to: &metadata, kind: .file)
        let back = PosixMetadata(metadata)
        #expect(back.modificationTime == posix.modificationTime)
        #expect(back.permissions == 0o600)
        #expect(back.userID == 12)
        #expect(metadata["author"] == "someone")
        #expect(metadata["owner"] == nil)
        #expect(metadata["permissions"] == "33152")
        #expect(metadata["mtime"] == "1969-12-31T23:59:55.25Z")
    }

    @Test(arguments: [Int64.min, Int64.min + 1, -1_000_000_001, -1, 0, Int64.max])
    func `a time at the ends of what the key can hold is read and written without harm`(nanoseconds: Int64) throws {
        let time = try #require(PosixMetadata(["modtime": String(nanoseconds)]).modificationTime)
        #expect((0..<1_000_000_000).contains(time.nanoseconds))
        #expect(PosixMetadata.nanoseconds(time) == String(nanoseconds) || nanoseconds < -9_223_372_036_000_000_000)
        _ = PosixMetadata.rfc3339(Timestamp(seconds: Int64.min))
        _ = PosixMetadata.nanoseconds(Timestamp(seconds: Int64.min))
    }

    @Test(arguments: ["", "x", "2026-13-01T00:00:00Z", "2026-11-11", "2026-11-11T25:00:00Z", "9999999999999999999999"])
    func `a time that is none is ignored`(text: String) {
        #expect(PosixMetadata(["modtime": text]).modificationTime == nil)
    }
}

@Suite struct CivilTimeTests {
    @Test(arguments: [
        (text: "1970-01-01T00:00:00Z", seconds: Int64(0)), (text: "2000-02-29T12:00:00Z", seconds: 951_825_600),
        (text: "1900-03-01T00:00:00Z", seconds: -2_203_891_200),
        (text: "2026-11-11T09:30:00+02:00", seconds: 1_794_382_200),
    ])
    func `dates become seconds`(text: String, seconds: Int64) {
        #expect(CivilTime.parse(text) == Timestamp(seconds: seconds))
    }

    @Test func `every day of 130 years reads back as it was written`() {
        for day in stride(from: Int64(-25_567), to: 25_567, by: 1) {
            let time = Timestamp(seconds: day * 86_400 + 86_399, nanoseconds: Int32(abs(day)) * 39)
            #expect(CivilTime.parse(CivilTime.format(time)) == time)
        }
    }
}
