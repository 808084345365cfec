import OutputConventions
import Testing

struct RunPlacesTests {
    @Test(arguments: [
        ("ExperimentRun/dcid.cow_1/", "cow_1"),
        ("ArtifactZip/ExperimentRun/dcid.cow_1.zip", "cow_1"),
        ("ComputeRecord/dcid.cow_1", "cow_1"),
        ("ComputeRecord/dcid.cow_1/", "cow_1"),
        ("azureml/3f2e-aa/", "3f2e-aa"),
        ("dataset/old/", "old"),
    ])
    func `each place tells its run`(_ name: String, _ run: String) {
        #expect(RunPlaces.run(of: name) == run)
        #expect((RunPlaces.folders(of: run) + RunPlaces.blobs(of: run)).contains(name))
    }

    @Test(arguments: [
        "ExperimentRun/dcid./", "ExperimentRun/", "azureml/", "azureml/loose.txt", "LocalUpload/x/", "UI/2026/",
        "ArtifactZip/ExperimentRun/dcid..zip", "ComputeRecord/dcid.a/b", "ComputeRecord/dcid.",
    ])
    func `what is no run's tells none`(_ name: String) {
        #expect(RunPlaces.run(of: name) == nil)
    }

    @Test func `a run's folders hold nothing of one whose id begins like it`() {
        let own = RunPlaces.folders(of: "cow_1")
        for folder in RunPlaces.folders(of: "cow_11") { #expect(!own.contains { folder.hasPrefix($0) }) }
    }

    @Test func `artifacts without a folder of their own are among the artifacts`() {
        let prefix = "ExperimentRun/dcid.cow_1/"
        #expect(RunPlaces.path(["outputs", "a", "b"], behind: prefix) == ["outputs", "a", "b"])
        #expect(RunPlaces.path(["model", "MLmodel"], behind: prefix) == ["artifacts", "model", "MLmodel"])
        // A blob that is called as a folder of a run.
        #expect(RunPlaces.path(["logs"], behind: prefix) == ["artifacts", "logs"])
        #expect(RunPlaces.path(["scores", "a.csv"], behind: "azureml/cow_1/") == ["named-outputs", "scores", "a.csv"])
    }

    @Test func `only the containers of a workspace are looked into`() {
        #expect(RunPlaces.isInWorkspace(container: "azureml"))
        #expect(RunPlaces.isInWorkspace(container: "azureml-blobstore-1f2e"))
        #expect(!RunPlaces.isInWorkspace(container: "azureml-metrics"))
        #expect(!RunPlaces.isInWorkspace(container: "my-azureml"))
    }
}
