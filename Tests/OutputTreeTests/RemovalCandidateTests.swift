import BlobStorage
import OutputConventions
import Testing

@testable import OutputTree

/// What a path means to `outputfs rm`, before the store was asked.
struct RemovalCandidateTests {
    private func candidate(_ path: String, only: String? = nil) async throws -> RemovalCandidate {
        let views = ShownViews(OutputView.allCases, luisyContainer: "luisy")
        return try await RemovalCandidate(path: path, views: views, onlyContainer: only) { name, place in
            switch (place.path, name) {
            case ("", "r"): .gathered(GatheredPlace(.runs, path: "r"))
            case ("r", "artifacts"): .folder(.runs, container: "azureml", prefix: "ExperimentRun/dcid.r/")
            case ("", "lab"): .container(.datastores, container: "https://lab.example/models")
            case ("r", "a"): .file(.runs, container: "azureml", name: "a")
            default: nil
            }
        }
    }

    private func expectRefusal(_ kind: RemovalRefusal.Kind, _ path: String, only: String? = nil) async {
        do {
            let found = try await candidate(path, only: only)
            Issue.record("\(path) is \(found)")
        } catch { #expect((error as? RemovalRefusal)?.kind == kind, "\(path): \(error)") }
    }

    @Test func `jobs, kinds, and what is in them`() async throws {
        #expect(try await candidate("jobs/film") == .fixed(.container(.jobs, container: "job-film")))
        #expect(try await candidate("/jobs/film/tasks/") == .fixed(.tasks(container: "job-film")))
        #expect(try await candidate("jobs/film/tasks/t") == .directory(.task(container: "job-film", task: "t")))
        let kind = TreePlace.folder(.jobs, container: "job-film", prefix: "$JobOutput/")
        #expect(try await candidate("jobs/film/JobOutput") == .fixed(kind))
        let folder = TreePlace.folder(.jobs, container: "job-film", prefix: "$JobOutput/a/")
        let blob = BlobAddress(container: "job-film", name: "$JobOutput/a")
        #expect(try await candidate("jobs/film/JobOutput/a") == .either(blob, folder))
        #expect(try await candidate("jobs/film/JobOutput/%=a%file") == .file(blob))
    }

    @Test func `what belongs to the tree, and what cannot be, is refused`() async {
        for path in ["", "/", "jobs", "/containers/", "self"] { await expectRefusal(.forbidden, path) }
        for path in ["jobs/../jobs/film", "./jobs/film"] { await expectRefusal(.forbidden, path) }
        for path in ["nothing", "jobs/no job", "containers/X", "jobs/film/JobOutput/%=a%file/b"] {
            await expectRefusal(.notFound, path)
        }
        await expectRefusal(.notFound, "jobs/other/JobOutput", only: "job-film")
    }

    @Test func `of projects one goes, and not all of them by the view's name`() async throws {
        let folder = TreePlace.folder(.projects, container: "luisy", prefix: "demo/")
        #expect(try await candidate("projects/demo") == .either(BlobAddress(container: "luisy", name: "demo"), folder))
        await expectRefusal(.forbidden, "projects")
        await expectRefusal(.forbidden, "/projects/")
    }

    @Test func `what is put together from several listings goes by what is in it`() async throws {
        let artifacts = TreePlace.folder(.runs, container: "azureml", prefix: "ExperimentRun/dcid.r/")
        #expect(try await candidate("runs/r/artifacts") == .fixed(artifacts))
        #expect(try await candidate("runs/r/a") == .file(BlobAddress(container: "azureml", name: "a")))
        await expectRefusal(.forbidden, "runs")
        await expectRefusal(.forbidden, "runs/r")
        await expectRefusal(.notFound, "runs/other")
        await expectRefusal(.notFound, "runs/r/a/b")
    }

    @Test func `a datastore in another account is reached beside the one container`() async throws {
        let folder = TreePlace.folder(.datastores, container: "https://lab.example/models", prefix: "d/")
        let blob = BlobAddress(container: "https://lab.example/models", name: "d")
        #expect(try await candidate("datastores/lab/d", only: "job-film") == .either(blob, folder))
    }

    @Test func `a run's artifacts go without its outputs, which have the same prefix`() {
        let place = TreePlace.folder(.runs, container: "azureml", prefix: "ExperimentRun/dcid.r/")
        let target = RemovalTarget(
            address: BlobAddress(container: "azureml", name: "ExperimentRun/dcid.r/"),
            directory: place
        )
        #expect(target.includes("ExperimentRun/dcid.r/model/MLmodel"))
        #expect(!target.includes("ExperimentRun/dcid.r/outputs/model.pkl"))
        #expect(!target.includes("ExperimentRun/dcid.r/user_logs/std_log.txt"))
    }
}
