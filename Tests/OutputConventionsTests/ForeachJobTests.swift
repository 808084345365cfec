import OutputConventions
import Testing

struct ForeachJobTests {
    @Test(arguments: [
        (["film.rds", "worker.R", "merger.R"], true), (["film-metadata.rds"], true),
        (["result/film-task1-result.rds"], true), (["film-task12.rds", "logs/film-task12.txt"], true),
        ([], false), (["film.rds"], false), (["worker.R", "merger.R"], false), (["film.rds", "worker.R"], false),
        (["1.rds", "results/1-result.rds", "logs/1.txt"], false), (["other-metadata.rds"], false),
        (["result/other-task1-result.rds"], false), (["film-metadata.rds/x"], false), (["logs/film-task1.txt"], false),
    ])
    func `a job is known by its blobs`(_ blobs: [String], _ isJob: Bool) {
        #expect(ForeachRecognition.isJob("film", blobs: blobs) == isJob)
        #expect(ForeachRecognition.isJob("film", blobs: ["a", "b/c"] + blobs.reversed()) == isJob)
    }

    @Test func `blobs of tasks are told by number and file`() {
        func task(_ blob: String, in container: String = "film") -> ForeachTask? {
            ForeachTask(blob: blob, in: container)
        }
        #expect(task("results/17-result.rds")?.identity == .chunk(17))
        #expect(task("results/17-result.rds")?.file == .result)
        #expect(task("results/17-result.rds")?.isOfOldRelease == false)
        #expect(task("result/film-task3-result.rds")?.identity == .chunk(3))
        #expect(task("result/film-task3-result.rds")?.isOfOldRelease == true)
        #expect(task("logs/merge.txt")?.identity == .merge)
        #expect(task("logs/film-merge.txt")?.identity == .merge)
        #expect(task("stderr/2-stderr.txt")?.file == .stderr)
        #expect(task("5.rds")?.file == .arguments)
        for blob in ["film.rds", "results/0-result.rds", "results/01-result.rds", "results/x-result.rds", "a/5.rds"] {
            #expect(task(blob) == nil, "\(blob)")
        }
        // A name that looks like a number, and reaches no job's.
        #expect(task("12345678901234567890123.rds") == nil)
        #expect(task("1234567890.rds") == nil)
        // The container's own file is the environment.
        #expect(task("123.rds", in: "123") == nil)
    }

    /// By it doAzureParallel decides how to parse what it fetched.
    @Test func `results get no type that somebody would parse`() {
        #expect(ContentTypes.type(forName: "results/1-result.rds") == "application/octet-stream")
        #expect(ContentTypes.type(forName: "job/film.RDS") == "application/octet-stream")
    }

    @Test func `the environment may hold tokens, in containers of other accounts, too`() {
        for container in ["film", "https://lab.blob.core.windows.net/film", "http://127.0.0.1:10000/lab/film"] {
            #expect(ForeachBlob.mayHoldTokens("film.rds", in: container), "\(container)")
            for blob in ["film", "film.txt", "films.rds", "a/film.rds", ".rds"] {
                #expect(!ForeachBlob.mayHoldTokens(blob, in: container), "\(blob)")
            }
        }
    }

    @Test func `metadata are read by their tags`() {
        let text = """
            <metadata><enableCloudCombine>TRUE</enableCloudCombine><chunkSize>20</chunkSize><packages>a & b;c</packages>\
            <errorHandling>remove</errorHandling><wait>FALSE</wait></metadata>
            """
        let metadata = ForeachMetadata(text)
        #expect(metadata.chunkSize == 20 && metadata.combinesInCloud == true && metadata.errorHandling == "remove")
        #expect(metadata.packages == ["a & b", "c"])
        for text in [
            "", "<metadata>", "<chunkSize>", "<chunkSize>0</chunkSize>", "<chunkSize>x</chunkSize>", "chunkSize",
        ] {
            #expect(ForeachMetadata(text).chunkSize == nil, "\(text)")
            #expect(ForeachMetadata(text).packages == [])
        }
        #expect(ForeachMetadata("<enableCloudCombine>FALSE</enableCloudCombine>").combinesInCloud == false)
    }
}
