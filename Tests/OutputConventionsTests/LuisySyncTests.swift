import OutputConventions
import Testing

struct LuisySyncTests {
    private struct Recorded: Decodable {
        struct Row: Decodable {
            struct After: Decodable {
                var local: String?
                var local_hash: String?
                var cloud: String?
                var cloud_hash: String?
                var outcome: String
            }
            var kind: String
            var local_file: Bool
            var local_hash: String?
            var cloud_blob: Bool
            var cloud_hash: String?
            var download: Bool
            var upload: Bool
            var after: After
        }
        var rows: [Row]
    }

    @Test func allRunsOfLuisyThatWereRecordedAreForetold() throws {
        let recorded: Recorded = try Vectors.load("luisy_decision_vectors")
        #expect(recorded.rows.count == 288)
        for row in recorded.rows {
            let state = LuisySync.State(
                isExternal: row.kind == "external",
                hasLocalFile: row.local_file,
                localHash: row.local_hash,
                hasBlob: row.cloud_blob,
                cloudHash: row.cloud_hash
            )
            let plan = LuisySync(state, hash: "new", download: row.download, upload: row.upload)
            let local: String? =
                switch plan.source {
                case .local: "LOCAL"
                case .download: "CLOUD"
                case .run: "RUN"
                case .missing: nil
                }
            let isUploaded = plan.uploads && local != nil
            let before = row.cloud_blob ? "CLOUD" : nil
            #expect(local == row.after.local, "\(row)")
            #expect(plan.localHash == row.after.local_hash, "\(row)")
            #expect((isUploaded ? local : before) == row.after.cloud, "\(row)")
            #expect((isUploaded ? "new" : row.cloud_hash) == row.after.cloud_hash, "\(row)")
            #expect(plan.isUploadOfNothing == (row.after.outcome == "FileNotFoundError"), "\(row)")
        }
    }
}
