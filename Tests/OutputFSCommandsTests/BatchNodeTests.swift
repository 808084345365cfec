import ArgumentParser
import AzureBlob
import BlobStorage
import Testing

@testable import OutputFSCommands

/// What follows from the variables that Batch gives to tasks, and from what the machine's metadata service announces.
struct BatchNodeTests {
    private static let startTask = [
        "AZ_BATCH_NODE_MOUNTS_DIR": "/mnt/batch/tasks/fsmounts",
        "AZ_BATCH_NODE_STARTUP_DIR": "/mnt/batch/tasks/startup",
        "AZ_BATCH_NODE_IS_DEDICATED": "false",
    ]

    @Test func `a machine without the variables is no node`() {
        #expect(BatchNode(environment: [:]) == nil)
        #expect(BatchNode(environment: ["AZ_BATCH_NODE_MOUNTS_DIR": ""]) == nil)
        #expect(BatchNode(environment: ["AZ_BATCH_NODE_MOUNTS_DIR": "relative"]) == nil)
    }

    @Test(
        arguments: [
            (nil, "/mnt/batch/tasks/fsmounts/outputfs"), ("", "/mnt/batch/tasks/fsmounts/outputfs"),
            ("outputs", "/mnt/batch/tasks/fsmounts/outputs"), ("a/b", "/mnt/batch/tasks/fsmounts/a/b"),
            ("./a", "./a"), ("../a", "../a"), (".", "."), ("/mnt/a", "/mnt/a"),
        ] as [(String?, String)]
    )
    func `a plain name is below the node's mounts`(_ given: String?, _ place: String) throws {
        #expect(try #require(BatchNode(environment: Self.startTask)).mountPoint(named: given) == place)
    }

    @Test func `a task's directory is shown before the start task's`() throws {
        let node = try #require(BatchNode(environment: Self.startTask))
        #expect(node.shownDirectory == "/mnt/batch/tasks/startup")
        #expect(!node.isDedicated)
        let task = Self.startTask.merging(["AZ_BATCH_TASK_DIR": "/t", "AZ_BATCH_NODE_IS_DEDICATED": "true"]) { $1 }
        #expect(BatchNode(environment: task)?.shownDirectory == "/t")
        #expect(BatchNode(environment: task)?.isDedicated == true)
    }

    @Test func `root on a node lets tasks in and write, unless it is told otherwise`() throws {
        func configuration(_ user: UInt32, _ environment: [String: String], umask: UInt16? = nil) throws
            -> MountConfiguration
        {
            var tree = try TreeFlags.parse([])
            tree.umask = umask
            return try MountConfiguration(
                source: StorageSource(
                    account: StorageAccount(name: "farm"),
                    signIn: .anonymous
                ),
                mountPoint: "/m",
                tree: tree,
                transfer: try TransferFlags.parse([]),
                user: (user, user),
                environment: environment,
                workingDirectory: "/"
            )
        }
        let root = try configuration(0, Self.startTask)
        #expect((root.allowsOthers, root.filePermissions, root.directoryPermissions) == (true, 0o666, 0o777))
        #expect(try configuration(0, Self.startTask, umask: 0o077).filePermissions == 0o600)
        let user = try configuration(1000, Self.startTask)
        #expect((user.allowsOthers, user.filePermissions) == (false, 0o644))
        #expect(try configuration(0, [:]).allowsOthers == false)
    }

    @Test func `an eviction is what takes this machine away`() throws {
        func events(_ type: String, _ resources: String) throws -> ScheduledEvents {
            let text = """
                {"DocumentIncarnation": 1, "Events": [{"EventId": "e", "EventType": "\(type)", "Resources": [\(resources)],
                "ResourceType": "VirtualMachine", "EventStatus": "Scheduled", "NotBefore": ""}]}
                """
            return try #require(ScheduledEvents(Array(text.utf8)))
        }
        for type in ["Preempt", "Terminate", "Redeploy"] {
            #expect(try events(type, #""vm_6", "vm_7""#).eviction(of: "vm_7")?.type == type)
        }
        for type in ["Reboot", "Freeze"] { #expect(try events(type, #""vm_7""#).eviction(of: "vm_7") == nil) }
        #expect(try events("Preempt", #""vm_70""#).eviction(of: "vm_7") == nil)
        #expect(ScheduledEvents(Array("<html>".utf8)) == nil)
        #expect(ScheduledEvents(Array(#"{"DocumentIncarnation": 0, "Events": []}"#.utf8))?.events.isEmpty == true)
    }

    // MARK: Credentials for Batch

    private func account(
        url: String? = nil,
        keyFile: String? = nil,
        tokenFile: String? = nil,
        _ environment: [String: String] = [:]
    ) throws(CommandFailure) -> BatchAccount? {
        try BatchAccountSource(
            url: url,
            keyFile: keyFile,
            tokenFile: tokenFile,
            environment: environment,
            readFile: { $0 == "f" ? .success(Array("c2VjcmV0\n".utf8)) : .failure(Errno(2)) },
            signIn: { host throws(CommandFailure) in SomebodyAt(host: host) }
        ).resolve()
    }

    @Test func `a URL that Batch gives to every task asks for nothing`() throws {
        #expect(try account(["AZ_BATCH_ACCOUNT_URL": "https://crunch.we.batch.azure.com"]) == nil)
    }

    @Test func `a credential is for the account of the command line, else of the environment`() throws {
        let given = ["AZ_BATCH_ACCOUNT_URL": "https://node.we.batch.azure.com"]
        #expect(try account(keyFile: "f", given)?.name == "node")
        #expect(try account(url: "https://cli.we.batch.azure.com", keyFile: "f", given)?.name == "cli")
        #expect(try account(given.merging(["AZURE_BATCH_ACCESS_KEY": "c2VjcmV0"]) { $1 })?.name == "node")
    }

    @Test func `a URL of the command line is enough for who has an identity`() throws {
        let account = try account(url: "https://crunch.we.batch.azure.com:443/")
        guard case .bearer(let source as SomebodyAt) = account?.credential else {
            Issue.record("no identity")
            return
        }
        #expect(source.host == "crunch.we.batch.azure.com")
    }

    @Test(
        arguments: [
            (AuthMethod?.none, [:], 4), (.msi, [:], 1), (.key, [:], 4), (nil, ["AZURE_STORAGE_AUTH_TYPE": "azcli"], 1),
            (nil, ["AZURE_STORAGE_AUTH_TYPE": "sas"], 4),
        ] as [(AuthMethod?, [String: String], Int)]
    )
    func `who opens the store with a key still is somebody to Batch`(
        _ method: AuthMethod?,
        _ environment: [String: String],
        _ count: Int
    ) throws {
        let resolver = SignInResolver(
            method: method,
            identity: .init(),
            environment: environment,
            workingDirectory: "/"
        )
        #expect(try resolver.identity(toHost: "crunch.we.batch.azure.com").count == count)
    }

    @Test func `az hears no secrets that are none of its business`() {
        let given = [
            "AZURE_BATCH_ACCESS_KEY": "k", "AZ_BATCH_JOB_OUTPUT_CONTAINER": "https://a.blob/c?x",
            "MINE": "https://b?sig=x",
            "CONNECTION": "AccountName=a;AccountKey=b", "AZURE_STORAGE_KEY": "k", "PATH": "/bin",
            "AZURE_CONFIG_DIR": "/a",
        ]
        #expect(IdentityTools.environment(given).keys.sorted() == ["AZURE_CONFIG_DIR", "PATH"])
    }

    @Test func `what is missing or too much is told with a remedy`() throws {
        let url = "https://crunch.we.batch.azure.com"
        #expect(throws: CommandFailure.self) { try account(keyFile: "f") }
        #expect(throws: CommandFailure.self) { try account(url: url, keyFile: "f", tokenFile: "f") }
        #expect(throws: CommandFailure.self) { try account(url: url, keyFile: "missing") }
        #expect(throws: CommandFailure.self) { try account(url: url, tokenFile: "missing") }
        #expect(throws: CommandFailure.self) { try account(url: "http://crunch.example", keyFile: "f") }
    }
}

extension BatchNodeTests {
    fileprivate func account(_ environment: [String: String]) throws -> BatchAccount? {
        try account(url: nil, keyFile: nil, tokenFile: nil, environment)
    }
}

private struct SomebodyAt: CredentialSource {
    let host: String

    func ready() -> Secret? { nil }

    func secret(refused: Secret?) async -> Result<Secret, StorageError> { .success(Secret("t")) }
}
