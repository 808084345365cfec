import AzureBlob
import BlobStorage
import Testing

@testable import OutputFSCommands

/// What is said of an account's namespace, and what a mount makes of it.
struct NamespaceTests {
    private func source(_ endpoint: String) throws -> StorageSource {
        StorageSource(
            account: StorageAccount(name: "farm", endpoint: try BlobEndpoint(endpoint)),
            credential: .anonymous
        )
    }

    @Test func `a namespace with directories needs to know where to rename`() throws {
        var own = try source("https://files.example.org")
        #expect(NamespaceDetection.failure(.flat, own) == nil)
        let failure = try #require(NamespaceDetection.failure(.hierarchical, own))
        #expect("\(failure)".contains("--dfs-endpoint https://farm.dfs.core.windows.net"))
        try own.setDataLakeEndpoint("https://lake.example.org")
        #expect(NamespaceDetection.failure(.hierarchical, own) == nil)
        #expect(NamespaceDetection.failure(.hierarchical, try source("https://farm.blob.core.windows.net")) == nil)
    }

    @Test func `an endpoint with a secret in it is refused without repeating it`() throws {
        var own = try source("https://files.example.org")
        do throws(CommandFailure) {
            try own.setDataLakeEndpoint("https://lake.example.org?sig=secret")
            Issue.record("it was taken")
        } catch { #expect(!"\(error)".contains("secret")) }
    }

    @Test func `the choice is on, off or auto`() throws {
        #expect(try Values.namespace("ON") == .on)
        #expect(throws: (any Error).self) { try Values.namespace("maybe") }
    }
}
