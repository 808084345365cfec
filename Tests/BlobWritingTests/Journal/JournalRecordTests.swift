import BlobStorage
import Testing

@testable import BlobWriting

@Suite struct JournalRecordTests {
    private let identity = JournalIdentity(
        blob: BlobAddress(container: "c", name: "dir/é/f"),
        base: .init(version: BlobVersion(etag: ETag("\"0x1\""), lastModified: -5), length: 100, type: .append),
        known: .version(ETag("\"0x1\"")),
        uploadID: 1 << 100 | 7,
        bootID: "here"
    )

    private var records: [JournalRecord] {
        var headers = BlobHeaders(contentType: "text/plain", metadata: ["modtime": "5", "other": "ü"])
        headers.cacheControl = ""
        return [
            .identity(identity), .extent(3..<9), .truncated(50), .changed, .due(headers, at: -1), .synced,
            .committed(BlobVersion(etag: ETag("\"0x2\""), lastModified: 9)),
            .moved(BlobAddress(container: "c", name: "g"), .absent, base: nil),
            .moved(
                BlobAddress(container: "c", name: "g"),
                .unknown,
                base: BlobVersion(etag: ETag("x"), lastModified: 1)
            ),
            .kept("reason"),
            .log(nil, local: 0),
            .log(AppendPosition(start: .over), local: 0),
            .log(
                {
                    var position = AppendPosition(start: .standing)
                    (position.sent, position.end, position.underway) = (7, 9, 8)
                    position.creationTime = 1_700_000_000
                    position.version = BlobVersion(etag: ETag("\"0x8D\""), lastModified: 5)
                    return position
                }(),
                local: 7
            ),
            .source(
                BlobAddress(container: "d", name: "g"),
                .init(version: BlobVersion(etag: ETag("y"), lastModified: 2), length: 7, type: .block)
            ),
            .sending(1 << 63 | 5),
            // No log has another blob's bytes.
            .log(nil, local: 0),
            .syncing(size: 70), .sendingWhole(md5: "XrY7u+Ae7tCTyyK7j1rNww=="), .resumed,
        ]
    }

    @Test func `Every record reads back as it was written`() {
        for record in records { #expect(JournalRecord(payload: record.payload) == record) }
    }

    @Test func `A payload that is cut or longer is no record`() {
        for record in records {
            let payload = record.payload
            for count in 0..<payload.count { #expect(JournalRecord(payload: Array(payload[..<count])) == nil) }
            #expect(JournalRecord(payload: payload + [0]) == nil)
        }
        #expect(JournalRecord(payload: [200]) == nil)
    }

    private func duty(_ records: JournalRecord..., bootID: String = "here") -> JournalReplay.Duty? {
        JournalReplay([.identity(identity)] + records)?.duty(bootID: bootID)
    }

    @Test func `What was closed is published, what was not is offered, what was committed is done`() {
        let (due, committed) = (JournalRecord.due(BlobHeaders(), at: 1), records[6])
        #expect(duty() == .offer("written, and never closed"))
        #expect(duty(due) == .publish)
        #expect(duty(due, committed) == JournalReplay.Duty.none)
        #expect(duty(due, committed, .changed) == .offer("written, and never closed"))
        #expect(duty(due, committed, .changed, due) == .publish)
        #expect(duty(due, .kept("why")) == .offer("why"))
        #expect(duty(due, .kept("why"), committed) == JournalReplay.Duty.none)
    }

    @Test func `After a loss of power only what was synchronized is published`() {
        let (due, committed) = (JournalRecord.due(BlobHeaders(), at: 1), records[6])
        guard case .offer = duty(due, bootID: "another") else {
            Issue.record("bytes that were never on the disk would be published")
            return
        }
        #expect(duty(due, .synced, bootID: "another") == .publish)
        // A later close, whose bytes were not made safe, takes nothing back; after a commit it begins anew.
        #expect(duty(due, .synced, due, bootID: "another") == .publish)
        guard case .offer = duty(due, .synced, committed, .changed, due, bootID: "another") else {
            Issue.record("what was synchronized is in the store; the later close was not")
            return
        }
    }

    @Test func `After a loss of power what was recorded behind the bytes that are safe is the base's again`() {
        let due = JournalRecord.due(BlobHeaders(), at: 1)
        let replay = JournalReplay([
            .identity(identity), .extent(10..<20), .truncated(60), due, .syncing(size: 60), .extent(25..<28), .synced,
            .extent(30..<40), .truncated(35),
        ])
        #expect(replay?.extents == RangeSet([10..<20, 25..<28, 30..<35]))
        #expect(replay?.afterLossOfPower().extents == RangeSet([10..<20]))
        #expect(replay?.afterLossOfPower().baseLimit == 60)
        #expect(replay?.afterLossOfPower().sizeMax == 60)
        let unsafe = JournalReplay([.identity(identity), .extent(10..<20), due])
        #expect(unsafe?.afterLossOfPower().extents == RangeSet([10..<20]))
    }

    @Test func `A log without an identity says nothing`() {
        #expect(JournalReplay([]) == nil)
        #expect(JournalReplay([.changed]) == nil)
    }

    @Test func `A truncation forgets extents behind it, and what is appended is local`() {
        let replay = JournalReplay([.identity(identity), .extent(10..<20), .extent(60..<70), .truncated(50)])
        let content = replay?.content(size: 80)
        #expect(content?.segments(of: 0..<80) == [.base(0..<10), .local(10..<20), .base(20..<50), .local(50..<80)])
        // The data file was cut, and the process ended before the record.
        let cut = JournalReplay([.identity(identity), .extent(10..<20)])?.content(size: 15)
        #expect(cut?.segments(of: 0..<15) == [.base(0..<10), .local(10..<15)])
    }

    @Test func `After a loss of power a log ends where it was made safe, and what was sent is in the blob`() {
        func position(sent: UInt64) -> AppendPosition {
            var position = AppendPosition(start: .standing)
            (position.sent, position.end) = (sent, sent)
            return position
        }
        func replay(_ records: JournalRecord...) -> JournalReplay? {
            let due = JournalRecord.due(BlobHeaders(), at: 1)
            let safe = [.log(position(sent: 0), local: 0), due, .syncing(size: 100), JournalRecord.synced]
            return JournalReplay([.identity(identity)] + safe + records)?.afterLossOfPower()
        }
        let committed = JournalRecord.committed(BlobVersion(etag: ETag("\"0x2\""), lastModified: 9))
        // Sent, and past what was safe: none of those bytes need be here.
        let sent = replay(.log(position(sent: 150), local: 150))
        #expect(sent?.sizeMax == 150)
        #expect(sent?.content(size: 150).segments(of: 0..<150) == [.local(0..<100), .base(100..<150)])
        // Some of it was sent and answered for before close was told that all of it is safe.
        let part = replay(.log(position(sent: 40), local: 40), committed, .changed)
        #expect(part?.sizeMax == 100)
        #expect(part?.duty(bootID: "another", size: 100) == .publish)
        let all = replay(.log(position(sent: 100), local: 100), committed)
        #expect(all?.duty(bootID: "another", size: 100) == JournalReplay.Duty.none)
        // Behind what others appended the places are others.
        let rebased = replay(.log(position(sent: 300), local: 0))
        #expect(rebased?.sizeMax == 300)
        #expect(rebased?.content(size: 300).segments(of: 0..<300) == [.base(0..<300)])
    }
}
