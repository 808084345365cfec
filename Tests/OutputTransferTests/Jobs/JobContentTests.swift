import BlobStorage
import OutputConventions
import TestSupport
import Testing

@testable import OutputTransfer

/// What is counted, drawn and waited for, blob by blob.
@Suite(.timeLimit(.minutes(1)))
struct JobContentTests {
    private static func blob(_ names: [String], bytes: UInt64 = 1, modified: Int64 = 10, etag: String = "1") -> JobBlob
    {
        let version = BlobVersion(etag: ETag(etag), lastModified: modified)
        return JobBlob(
            address: BlobAddress(container: "job-film", name: names.joined(separator: "/")),
            properties: BlobProperties(version: version, length: bytes),
            names: names
        )
    }

    private static func film(_ store: MemoryStore) async throws -> [JobBlob] {
        var found: [JobBlob] = []
        let job = Job(.batch, id: "film", places: [.init(container: "job-film")])
        try await JobCatalog(tree: StoreTree(store: store)).eachBlob(of: job) { found.append($0) }
        return found
    }

    // MARK: Names

    @Test func `each blob of a container is some file of its job`() async throws {
        let store = MemoryStore()
        let names = [
            "$JobOutput/a", "$tasks/x", "1/$TaskLog/o/p", "1/$TaskLog/o", "loose", "1/loose", "$JobOutput", "a//b",
        ]
        for name in names { store.add(BlobAddress(container: "job-film", name: name), [1]) }
        store.add(BlobAddress(container: "job-film", name: "1/$TaskLog/empty"), metadata: ["hdi_isfolder": "true"])
        let blobs = try await Self.film(store)
        #expect(Set(blobs.map(\.address.name)) == Set(names))
        #expect(Set(blobs.map(\.names)).count == names.count)
        let shadowed = try #require(blobs.first { $0.address.name == "1/$TaskLog/o" })
        #expect(shadowed.names == ["tasks", "1", "TaskLog", "%=o%file"])
        #expect(
            Set(blobs.filter { $0.names.first == JobBlob.other }.map(\.address.name)) == [
                "loose", "1/loose", "$JobOutput", "a//b",
            ]
        )
    }

    @Test func `a blob tells task, kind and what follows`() {
        let log = Self.blob(["tasks", "1", "TaskLog", "deep", "out.txt"])
        #expect(log.task == "1" && log.kind == "TaskLog" && log.nameInKind == "deep/out.txt")
        let named = Self.blob(["named-outputs", "scores", "a.csv"])
        #expect(named.task == nil && named.kind == "named-outputs/scores" && named.nameInKind == "a.csv")
        let result = Self.blob(["tasks", "1", "result.rds"])
        #expect(result.task == "1" && result.kind == "result.rds" && result.nameInKind == "result.rds")
        let bare = Self.blob(["named-outputs", "file"])
        #expect(bare.kind == "named-outputs" && bare.nameInKind == "file")
    }

    // MARK: Counting

    @Test func `a summary adds up, and tells names by their bytes`() {
        var summary = JobSummary()
        summary.add(Self.blob(["tasks", "2", "TaskLog", "out.txt"], bytes: 3, modified: 20))
        summary.add(Self.blob(["tasks", "1", "TaskLog", "out.txt"], bytes: 4, modified: 10))
        summary.add(Self.blob(["u\u{308}"], bytes: 5, modified: 30))
        summary.add(Self.blob(["\u{FC}"], bytes: 6, modified: 15))
        #expect(summary.total.files == 4 && summary.total.bytes == 18)
        #expect(summary.total.first == 10 && summary.total.last == 30)
        #expect(summary.tasks.map(\.id) == ["1", "2"])
        #expect(summary.kinds.map(\.total.files) == [2, 1, 1])
        #expect(summary.logs == [JobSummary.Log(name: "out.txt", count: 2)])
    }

    // MARK: Drawing

    @Test func `an outline keeps a hundred of a folder, and counts the others`() throws {
        let outline = JobOutline(depth: 2)
        for number in 0..<250 { outline.add(Self.blob(["tasks", "\(1000 + number)", "TaskOutput", "a"])) }
        for number in 0..<3 { outline.add(Self.blob(["tasks", "1249", "TaskOutput", "\(number)"])) }
        #expect(outline.root.files == 253 && outline.root.entries.count == 1)
        guard case .folder(let tasks) = try #require(outline.root.entries.first).entry else {
            Issue.record("tasks is a folder")
            return
        }
        #expect(tasks.entries.count == JobOutline.entriesMax && tasks.hidden == 150 && tasks.bytes == 253)
        guard case .folder(let first) = try #require(tasks.entries.first).entry else {
            Issue.record("a task is a folder")
            return
        }
        // As deep as is asked for: counted, and not drawn.
        #expect(first.entries.isEmpty && first.files == 1)
    }

    // MARK: Waiting

    private static func progress(_ pattern: String, _ count: Int, _ blobs: [JobBlob]) throws -> JobProgress {
        var progress = JobProgress(.init(patterns: [try TreePattern(pattern)], count: count))
        for blob in blobs { progress.add(blob) }
        return progress
    }

    @Test func `files and folders count once each`() throws {
        let blobs = ["a", "b", "c/d"].map { Self.blob(["tasks", "1", "TaskOutput", $0]) }
        #expect(try Self.progress("tasks/*/TaskOutput", 1, blobs).isReached)
        #expect(try !Self.progress("tasks/*/TaskOutput", 2, blobs).isReached)
        #expect(try Self.progress("tasks/1/TaskOutput/*", 3, blobs).isReached)
        #expect(try Self.progress("tasks/1/TaskOutput/b", 1, blobs).isReached)
        #expect(try !Self.progress("tasks/1/TaskOut", 1, blobs).isReached)
        #expect(try Self.progress("**/a", 1, blobs).isReached)
        #expect(try !Self.progress("tasks/2/**", 1, blobs).isReached)
    }

    @Test func `two looks are the same in whatever order, and not when anything changed`() throws {
        let blobs = [Self.blob(["a"]), Self.blob(["b"])]
        let one = try Self.progress("x", 1, blobs)
        #expect(one.isSame(as: try Self.progress("x", 1, blobs.reversed())))
        #expect(!one.isSame(as: try Self.progress("x", 1, [blobs[0]])))
        #expect(!one.isSame(as: try Self.progress("x", 1, [blobs[0], Self.blob(["b"], etag: "2")])))
    }

    @Test func `a loop's merge is told by its result and its log`() throws {
        var progress = JobProgress(.init(patterns: [], count: 1))
        progress.add(Self.blob(["tasks", "1", "result.rds"]))
        progress.add(Self.blob(["tasks", "merge", "stdout.txt"]))
        #expect(!progress.hasMergedResult && progress.mergeLog == nil)
        progress.add(Self.blob(["tasks", "old-merge", "log.txt"]))
        progress.add(Self.blob(["tasks", "merge", "result.rds"]))
        #expect(progress.hasMergedResult && progress.mergeLog != nil)
    }
}
