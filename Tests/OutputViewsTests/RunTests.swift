import BlobStorage
import OutputConventions
import OutputViews
import TestSupport
import Testing

/// `/runs`, from what Azure ML leaves in a workspace's containers.
@Suite(.timeLimit(.minutes(1)))
struct RunTests {
    @Test func `runs are those with artifacts and those with named outputs, each once`() async throws {
        let workspace = Workspace()
        workspace.put("azureml/ExperimentRun/dcid.calm_sea_1/outputs/model.pkl")
        workspace.put("azureml/ExperimentRun/dcid.calm_sea_1/user_logs/std_log.txt")
        workspace.put("\(Workspace.blobstore)/azureml/calm_sea_1/model/weights")
        workspace.put("\(Workspace.blobstore)/azureml/6a9c/score/x")
        workspace.put("\(Workspace.blobstore)/dataset/old_1/data/x")
        workspace.put("azureml/azureml/mlflow_1/model/MLmodel")
        workspace.put("azureml/dataset/no_1/data/x")
        workspace.put("azureml/ComputeRecord/dcid.other_1/x")
        workspace.put("\(Workspace.blobstore)/UI/2024-01-01_000000_UTC/x")
        #expect(try await workspace.names(.runs) == ["6a9c", "calm_sea_1", "mlflow_1", "old_1"])
        for name in ["6a9c", "calm_sea_1", "mlflow_1", "old_1"] {
            #expect(try await workspace.place(.runs, "", name) == run(name))
        }
        for name in ["no_1", "other_1", "calm_sea", "calm_sea_12", "x", "%=calm_sea_1"] {
            #expect(try await workspace.place(.runs, "", name) == nil)
        }
    }

    @Test func `a run has the folders that have something, and early those that jobs write first`() async throws {
        let workspace = Workspace()
        let root = "azureml/ExperimentRun/dcid.r"
        workspace.put("\(root)/system_logs/lifecycler/a.log")
        #expect(try await workspace.names(.runs, "r") == ["outputs", "system_logs", "user_logs"])
        workspace.put("\(root)/azureml-logs/70_driver_log.txt")
        workspace.put("\(root)/model/MLmodel")
        workspace.put("\(Workspace.blobstore)/azureml/r/out/x")
        let names = ["artifacts", "azureml-logs", "named-outputs", "outputs", "system_logs", "user_logs"]
        #expect(try await workspace.names(.runs, "r") == names)
        for name in names where name != "named-outputs" {
            let path = name == "artifacts" ? "\(root)/" : "\(root)/\(name)/"
            #expect(try await workspace.place(.runs, "r", name) == folder(.runs, path))
        }
        #expect(try await workspace.place(.runs, "r", "named-outputs") == run("r/named-outputs"))
        #expect(try await workspace.place(.runs, "r", "logs") == nil)
        #expect(try await workspace.place(.runs, "r", "model") == nil)
    }

    @Test func `a run of named outputs has no other folder`() async throws {
        let workspace = Workspace()
        workspace.put("\(Workspace.blobstore)/azureml/r/out/x")
        #expect(try await workspace.names(.runs, "r") == ["named-outputs"])
        for name in ["outputs", "user_logs", "artifacts", "logs"] {
            #expect(try await workspace.place(.runs, "r", name) == nil)
        }
    }

    @Test func `folders that only a marker keeps are folders`() async throws {
        let workspace = Workspace()
        workspace.putFolder("azureml/ExperimentRun/dcid.r/logs")
        workspace.putFolder("azureml/ExperimentRun/dcid.r/checkpoints")
        workspace.putFolder("\(Workspace.blobstore)/azureml/r/empty")
        let names = try await workspace.names(.runs, "r")
        #expect(names == ["artifacts", "logs", "named-outputs", "outputs", "user_logs"])
        #expect(try await workspace.place(.runs, "r", "logs") == folder(.runs, "azureml/ExperimentRun/dcid.r/logs/"))
        #expect(try await workspace.names(.runs, "r/named-outputs") == ["empty"])
        let empty = folder(.runs, "\(Workspace.blobstore)/azureml/r/empty/")
        #expect(try await workspace.place(.runs, "r/named-outputs", "empty") == empty)
    }

    @Test func `outputs of one name in several places are all shown, the default place's plainly`() async throws {
        let workspace = Workspace()
        workspace.put("\(Workspace.blobstore)/azureml/r/model/x")
        workspace.put("azureml/azureml/r/model/x")
        workspace.put("\(Workspace.blobstore)/dataset/r/model/x")
        workspace.put("\(Workspace.blobstore)/azureml/r/single")
        workspace.put("\(Workspace.blobstore)/dataset/r/single/x")
        let expected = [
            ("model", "\(Workspace.blobstore)/azureml/r/model/"),
            ("%=model%@azureml@azureml", "azureml/azureml/r/model/"),
            ("%=model%@dataset@\(Workspace.blobstore)", "\(Workspace.blobstore)/dataset/r/model/"),
            ("%=single%@dataset@\(Workspace.blobstore)", "\(Workspace.blobstore)/dataset/r/single/"),
        ]
        #expect(try await workspace.names(.runs, "r/named-outputs") == (expected.map(\.0) + ["single"]).sorted())
        for (name, path) in expected {
            #expect(try await workspace.place(.runs, "r/named-outputs", name) == folder(.runs, path))
        }
        let single = BlobAddress("\(Workspace.blobstore)/azureml/r/single")
        let file = TreePlace.file(.runs, container: single.container, name: single.name)
        #expect(try await workspace.place(.runs, "r/named-outputs", "single") == file)
    }

    @Test func `an output that is a file and a folder is shown as both`() async throws {
        let workspace = Workspace()
        workspace.put("\(Workspace.blobstore)/azureml/r/out")
        workspace.put("\(Workspace.blobstore)/azureml/r/out/x")
        #expect(try await workspace.names(.runs, "r/named-outputs") == ["%=out%file", "out"])
    }

    @Test func `a run whose id is no file name is shown with an escape`() async throws {
        let workspace = Workspace()
        workspace.put("azureml/ExperimentRun/dcid.a\u{1}b/outputs/x")
        workspace.put("\(Workspace.blobstore)/azureml/./out/x")
        #expect(try await workspace.names(.runs) == ["%=%2E", "%=a%01b"])
        #expect(try await workspace.place(.runs, "", "%=a%01b") == run("a\u{1}b"))
        #expect(try await workspace.place(.runs, "", "%=%2E") == run("."))
    }

    @Test func `decomposed and composed letters are different runs`() async throws {
        let workspace = Workspace()
        workspace.put("azureml/ExperimentRun/dcid.\u{E9}/outputs/x")
        workspace.put("\(Workspace.blobstore)/azureml/e\u{301}/out/x")
        #expect(try await workspace.names(.runs).count == 2)
        let composed = try #require(try await workspace.place(.runs, "", "\u{E9}"))
        let decomposed = try #require(try await workspace.place(.runs, "", "e\u{301}"))
        #expect(composed != decomposed)
    }

    // MARK: What it costs

    @Test func `a lookup of a run costs one request, and of one that is not there four`() async throws {
        let workspace = Workspace()
        workspace.put("azureml/ExperimentRun/dcid.r/outputs/x")
        workspace.put("\(Workspace.blobstore)/azureml/named/out/x")
        _ = try await workspace.names(.runs)
        let found = try await workspace.requests { _ = try await workspace.place(.runs, "", "r") }
        #expect(found == 1)
        let named = try await workspace.requests { _ = try await workspace.place(.runs, "", "named") }
        #expect(named <= 4)
        let absent = try await workspace.requests { _ = try await workspace.place(.runs, "", "none") }
        #expect(absent <= 4)
        let folder = try await workspace.requests { _ = try await workspace.place(.runs, "r", "outputs") }
        #expect(folder == 1)
    }

    @Test func `runs are listed in pages, and none is asked for by itself`() async throws {
        // 50,000 in pages of 5,000, smaller by a factor of a hundred.
        let workspace = Workspace(habits: ListingHabits(pageSizeMax: 50, repeatsPrefixes: true))
        for number in 0..<500 { workspace.put("azureml/ExperimentRun/dcid.run_\(number)/outputs/x", []) }
        let requests = try await workspace.requests { () async throws in
            #expect(try await workspace.names(.runs).count == 500)
        }
        // Eleven pages, since each repeats a prefix of the one before; the containers; three places without outputs.
        #expect(requests <= 11 + 1 + 3)
        let lookup = try await workspace.requests { _ = try await workspace.place(.runs, "", "run_314") }
        #expect(lookup == 1)
    }

    @Test func `a workspace made later is found within half a minute`() async throws {
        let workspace = Workspace(containers: ["azureml"])
        #expect(try await workspace.place(.runs, "", "r") == nil)
        workspace.put("\(Workspace.blobstore)/azureml/r/out/x")
        #expect(try await workspace.place(.runs, "", "r") == nil)
        workspace.clock.advance(by: .seconds(31))
        #expect(try await workspace.place(.runs, "", "r") == run("r"))
    }

    // MARK: Failures

    @Test func `what one container fails with is not hidden by what the others have`() async throws {
        let workspace = Workspace()
        workspace.put("azureml/ExperimentRun/dcid.r/outputs/x")
        for call in 1...4 {
            workspace.store.fail(call: call, of: .listBlobs, error: .test(.throttled, .persistent))
            await #expect(throws: StorageError.self) { try await workspace.names(.runs) }
            workspace.store.removeFaults()
        }
        #expect(try await workspace.names(.runs) == ["r"])
    }

    @Test func `a container that may not be listed leaves the others'`() async throws {
        let workspace = Workspace()
        workspace.put("azureml/ExperimentRun/dcid.r/outputs/x")
        workspace.put("\(Workspace.blobstore)/azureml/r/out/x")
        workspace.store.fail(call: 1, of: .listBlobs, error: .test(.denied))
        #expect(try await workspace.names(.runs) == ["r"])
        workspace.store.failNext(.listContainers, error: .test(.denied))
        #expect(try await workspace.names(.runs) == ["r"])
    }

    @Test func `where nothing may be listed, that is said, and runs are found by name`() async throws {
        let workspace = Workspace()
        workspace.store.failNext(.listBlobs, count: .max, error: .test(.denied))
        let error = await #expect(throws: StorageError.self) { try await workspace.names(.runs) }
        #expect(error?.kind == .denied)
        #expect(try await workspace.place(.runs, "", "r") == run("r"))
        let outputs = folder(.runs, "azureml/ExperimentRun/dcid.r/outputs/")
        #expect(try await workspace.place(.runs, "r", "outputs") == outputs)
    }

    @Test func `credentials for one container ask that one only`() async throws {
        let workspace = Workspace(GatheredSource(onlyContainer: Workspace.blobstore))
        workspace.put("azureml/ExperimentRun/dcid.hidden/outputs/x")
        workspace.put("\(Workspace.blobstore)/azureml/r/out/x")
        workspace.store.failNext(.listContainers, count: .max, error: .test(.denied))
        #expect(try await workspace.names(.runs) == ["r"])
        #expect(try await workspace.place(.runs, "", "hidden") == nil)
        #expect(try await workspace.names(.runs, "r") == ["named-outputs"])
    }
}
