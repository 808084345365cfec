import BlobStorage
import OutputConventions
import Testing

@testable import OutputTree

/// What a path means to `outputfs rm`, before the store was asked.
struct RemovalCandidateTests {
    private func candidate(_ path: String, only: String? = nil) throws -> RemovalCandidate {
        try RemovalCandidate(path: path, views: .all, onlyContainer: only)
    }

    private func expectRefusal(_ kind: RemovalRefusal.Kind, _ path: String, only: String? = nil) {
        do {
            let found = try candidate(path, only: only)
            Issue.record("\(path) is \(found)")
        } catch { #expect((error as? RemovalRefusal)?.kind == kind, "\(path): \(error)") }
    }

    @Test func `jobs, kinds, and what is in them`() throws {
        #expect(try candidate("jobs/film") == .fixed(.container(.jobs, container: "job-film")))
        #expect(try candidate("/jobs/film/tasks/") == .fixed(.tasks(container: "job-film")))
        #expect(try candidate("jobs/film/tasks/t") == .directory(.task(container: "job-film", task: "t")))
        let kind = TreePlace.folder(.jobs, container: "job-film", prefix: "$JobOutput/")
        #expect(try candidate("jobs/film/JobOutput") == .fixed(kind))
        let folder = TreePlace.folder(.jobs, container: "job-film", prefix: "$JobOutput/a/")
        let blob = BlobAddress(container: "job-film", name: "$JobOutput/a")
        #expect(try candidate("jobs/film/JobOutput/a") == .either(blob, folder))
        #expect(try candidate("jobs/film/JobOutput/%=a%file") == .file(blob))
    }

    @Test func `what belongs to the tree, and what cannot be, is refused`() {
        for path in ["", "/", "jobs", "/containers/", "self"] { expectRefusal(.forbidden, path) }
        for path in ["jobs/../jobs/film", "./jobs/film"] { expectRefusal(.forbidden, path) }
        for path in ["nothing", "jobs/no job", "containers/X", "jobs/film/JobOutput/%=a%file/b"] {
            expectRefusal(.notFound, path)
        }
        expectRefusal(.notFound, "jobs/other/JobOutput", only: "job-film")
    }
}
