import RDS
import Testing

struct JobFileTests {
    @Test(arguments: ["v2", "v3"])
    func `of a job's environment only what was asked for is known`(_ version: String) throws {
        let file = try EnvironmentFile(
            Vectors.source("environment-\(version)"),
            lengthsOf: ["argsList", "nothing"],
            stringsOf: ["packages", "github", "bioconductor"]
        )
        #expect(file.lengths == ["argsList": 10])
        #expect(file.strings == ["packages": ["stats", "utils"], "github": ["azure/rAzureBatch@v0.7.0"]])
        #expect(!"\(file)".contains("SECRET"))
    }

    @Test(arguments: ["v2", "v3"])
    func `metadata are one string`(_ version: String) throws {
        let text = try StringFile.string(in: Vectors.source("metadata-\(version)"))
        #expect(text.hasPrefix("<metadata><enableCloudCombine>TRUE</") && text.hasSuffix("</metadata>"))
    }

    @Test func `files of another kind are told by what they are`() throws {
        let environment = #expect(throws: RDSError.self) {
            try EnvironmentFile(Vectors.source("values-v3"), lengthsOf: [], stringsOf: [])
        }
        #expect(environment?.reason == "holds a list, and no environment")
        #expect(throws: RDSError.self) { try StringFile.string(in: Vectors.source("values-v3")) }
    }
}
