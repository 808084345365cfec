import Testing

@testable import OutputFSCommands

/// The account that follows from the workspace which a working directory belongs to.
struct WorkspaceTests {
    private static let text = """
        account = "common"
        key-file = "/keys/common"
        [workspaces."lab one"]
        account = "labone"
        [workspaces.other]
        account = "other"
        """

    /// The settings of `get` in `/home/me/project/src`.
    private func account(
        _ files: [String: String],
        _ environment: [String: String] = [:],
        command: String = "get",
        text: String = text
    ) throws -> String? {
        let paths = command == "get" ? ["jobs/film", "here"] : ["mnt"]
        let settled = try SettledArguments(
            [command] + paths,
            environment: environment,
            workingDirectory: "/home/me/project/src",
            readFile: { path in
                let found = path == "/etc/outputfs/config.toml" ? text : files[path]
                return found.map { .success(Array($0.utf8)) } ?? .failure(Errno(2))
            }
        )
        let named = settled.settings.filter { ["account", "key-file"].contains($0.setting.name) }
        return named.map(\.value).joined(separator: " ")
    }

    private static let labOne = [
        "/home/me/project/config.json": #"{"workspace_name": "lab one", "resource_group": "x"}"#
    ]

    @Test func `config json in a folder above names the workspace`() throws {
        #expect(try account(Self.labOne) == "labone")
    }

    @Test func `the nearest file counts, and one of another program does not`() throws {
        var files = Self.labOne
        files["/home/me/project/src/config.json"] = #"{"workspace_name": "other"}"#
        #expect(try account(files) == "other")
        files["/home/me/project/src/config.json"] = #"{"compilerOptions": {}}"#
        #expect(try account(files) == "labone")
        files["/home/me/project/src/config.json"] = "{"
        #expect(try account(files) == "labone")
    }

    @Test func `a folder of PYTHONPATH ends the search`() throws {
        #expect(try account(Self.labOne, ["PYTHONPATH": "/usr/lib:/home/me/project/src"]) == "common /keys/common")
        #expect(try account(Self.labOne, ["PYTHONPATH": "/home/me/project"]) == "labone")
    }

    @Test func `inside of a run its own workspace counts, and hi-ml's variable last`() throws {
        #expect(try account(Self.labOne, ["AZUREML_ARM_WORKSPACE_NAME": "other"]) == "other")
        #expect(try account(Self.labOne, ["HIML_WORKSPACE_NAME": "other"]) == "labone")
        #expect(try account([:], ["HIML_WORKSPACE_NAME": "other"]) == "other")
    }

    @Test func `the environment's own account counts more`() throws {
        #expect(try account(Self.labOne, ["OUTPUTFS_ACCOUNT": "mine"]) == "mine")
        #expect(try account(Self.labOne, ["AZURE_STORAGE_ACCOUNT": "mine"]) == "")
    }

    @Test func `a workspace of which nothing is said changes nothing`() throws {
        #expect(try account([:], ["HIML_WORKSPACE_NAME": "unknown"]) == "common /keys/common")
    }

    @Test func `a mount does not depend on where it was typed`() throws {
        #expect(try account(Self.labOne, command: "mount") == "common /keys/common")
    }
}
