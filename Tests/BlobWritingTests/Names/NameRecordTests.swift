import BlobStorage
import TestSupport
import Testing

@testable import BlobWriting

/// The lines of a log that says what is to become of names.
struct NameRecordTests {
    private static let records: [NameRecord] = [
        .removal(BlobAddress(container: "c", name: "a/é"), ETag("\"0x8DE29A3B4C5D6E7\"")),
        .move(from: BlobAddress(container: "c", name: "old/"), to: BlobAddress(container: "d", name: "new/")),
        .copying(ETag("\"0x8DE29A3B4C5D6E7\"")),
        .copied(ETag("\"0x1\""), ETag("W/\"0x2\"")),
        // Not as the service writes them: kept as text.
        .copied(ETag("\"0x01\""), ETag("\"0xab\"")),
        .copying(ETag("")),
        .allCopied,
    ]

    @Test func `each record reads back as it was written, and as no other kind`() {
        for record in Self.records {
            #expect(NameRecord(payload: record.payload) == record)
            #expect(JournalRecord(payload: record.payload) == nil)
            for count in record.payload.indices { #expect(NameRecord(payload: Array(record.payload[..<count])) == nil) }
            #expect(NameRecord(payload: record.payload + [0]) == nil)
        }
        #expect(NameRecord(payload: JournalRecord.changed.payload) == nil)
    }

    @Test func `an ETag of the service's takes nine bytes`() {
        #expect(NameRecord.copying(ETag("\"0x8DE29A3B4C5D6E7\"")).payload.count == 10)
    }
}
