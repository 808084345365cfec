import AzureBlob
import Testing

@testable import OutputFSCommands

/// Where the account comes from: command line over environment, and no mixing of accounts.
struct StorageSourceTests {
    private static let connection =
        "DefaultEndpointsProtocol=https;AccountName=viaconnection;AccountKey=a2V5;EndpointSuffix=core.windows.net"

    private func resolve(
        _ options: StorageSourceResolver.Options,
        _ environment: [String: String] = [:],
        files: [String: String] = [:]
    ) throws -> StorageSource {
        try StorageSourceResolver(
            options: options,
            environment: environment,
            readFile: { path in files[path].map { .success(Array($0.utf8)) } ?? .failure(Errno(2)) }
        ).resolve()
    }

    private func kind(_ signIn: SignIn) -> String {
        switch signIn {
        case .key(let key): "key \(key.revealed())"
        case .sas(let token, let file): "sas \(token.revealed())" + (file.map { " in \($0.path)" } ?? "")
        case .anonymous: "anonymous"
        case .identity(let links): links.map(\.name).joined(separator: ", ")
        }
    }

    @Test func `an account with a key file`() throws {
        let source = try resolve(.init(account: "farm", keyFile: "f"), files: ["f": "  a2V5\n"])
        #expect(source.description == "https://farm.blob.core.windows.net")
        #expect(kind(source.signIn) == "key a2V5")
    }

    @Test func `SOURCE is an account or an endpoint`() throws {
        #expect(try resolve(.init(source: "farm")).account.name == "farm")
        let source = try resolve(.init(source: "http://127.0.0.1:10000/devstoreaccount1"))
        #expect(source.account.name == "devstoreaccount1")
        #expect(source.account.endpoint.isPathStyle)
    }

    @Test func `an endpoint with an account beside it`() throws {
        let source = try resolve(.init(account: "farm", endpoint: "https://farm.blob.core.chinacloudapi.cn"))
        #expect(source.account.name == "farm")
        #expect(source.description == "https://farm.blob.core.chinacloudapi.cn")
    }

    @Test func `a connection string in the environment comes before account and container`() throws {
        let source = try resolve(
            .init(),
            [
                "AZURE_STORAGE_CONNECTION_STRING": Self.connection, "AZURE_STORAGE_ACCOUNT": "other",
                "JOB_CONTAINER_URL": "https://third.blob.core.windows.net/job-a?sig=x",
            ]
        )
        #expect(source.account.name == "viaconnection")
    }

    @Test func `an account on the command line does not use another account's connection string`() throws {
        let source = try resolve(
            .init(account: "farm"),
            ["AZURE_STORAGE_CONNECTION_STRING": Self.connection, "AZURE_STORAGE_KEY": "a2V5"]
        )
        #expect(source.account.name == "farm")
        #expect(kind(source.signIn) == "key a2V5")
    }

    @Test func `an account on the command line is entered with its own connection string`() throws {
        let environment = ["AZURE_STORAGE_CONNECTION_STRING": Self.connection, "AZURE_STORAGE_KEY": "a2V5"]
        let source = try resolve(.init(account: "viaconnection"), environment)
        #expect(kind(source.signIn) == kind(try resolve(.init(), environment).signIn))
        let byFile = try resolve(.init(account: "viaconnection", keyFile: "f"), environment, files: ["f": "b3RoZXI="])
        #expect(kind(byFile.signIn) == "key b3RoZXI=")
        let elsewhere = try resolve(.init(account: "viaconnection", endpointSuffix: "core.example"), environment)
        #expect(elsewhere.description == "https://viaconnection.blob.core.example")
        let same = try resolve(.init(account: "viaconnection", endpointSuffix: "core.windows.net"), environment)
        #expect(same.description == source.description)
        // One that cannot be read is nobody's.
        let broken = ["AZURE_STORAGE_CONNECTION_STRING": "AccountName", "AZURE_STORAGE_KEY": "a2V5"]
        #expect(kind(try resolve(.init(account: "farm"), broken).signIn) == "key a2V5")
    }

    @Test func `an account on the command line does not go to another account's endpoint`() throws {
        let source = try resolve(.init(account: "farm"), ["AZURE_STORAGE_BLOB_ENDPOINT": "http://127.0.0.1/other"])
        #expect(source.description == "https://farm.blob.core.windows.net")
    }

    @Test func `a key file serves the account of the environment`() throws {
        let source = try resolve(
            .init(sasFile: "f"),
            ["AZURE_STORAGE_ACCOUNT": "farm", "AZURE_STORAGE_KEY": "a2V5"],
            files: ["f": "sv=1&sig=x"]
        )
        #expect(source.account.name == "farm")
        #expect(kind(source.signIn) == "sas sv=1&sig=x in /f")
    }

    @Test func `a key comes before a SAS, and without either an identity is sought`() throws {
        let both = ["AZURE_STORAGE_KEY": "a2V5", "AZURE_STORAGE_SAS_TOKEN": "sig=x"]
        #expect(kind(try resolve(.init(account: "farm"), both).signIn) == "key a2V5")
        let token = ["AZURE_STORAGE_SAS_TOKEN": "sig=x", "AZURE_STORAGE_KEY": ""]
        #expect(kind(try resolve(.init(account: "farm"), token).signIn) == "sas sig=x")
        #expect(kind(try resolve(.init(account: "farm")).signIn).hasSuffix("Azure CLI"))
    }

    @Test func `what has neither key nor SAS is entered with an identity`() throws {
        let chain = "service principal, workload identity, managed identity (IMDS), Azure CLI"
        #expect(kind(try resolve(.init(account: "farm")).signIn) == chain)
        let environment = ["JOB_CONTAINER_URL": "https://farm.blob.core.windows.net/job-a"]
        #expect(kind(try resolve(.init(), environment).signIn) == chain)
        let connection = ["AZURE_STORAGE_CONNECTION_STRING": "AccountName=farm"]
        #expect(kind(try resolve(.init(), connection).signIn) == chain)
    }

    @Test func `a method passes over what the environment has besides`() throws {
        let both = ["AZURE_STORAGE_KEY": "a2V5", "AZURE_STORAGE_SAS_TOKEN": "sig=x"]
        #expect(kind(try resolve(.init(account: "farm", auth: .sas), both).signIn) == "sas sig=x")
        #expect(kind(try resolve(.init(account: "farm", auth: .msi), both).signIn) == "managed identity (IMDS)")
        #expect(kind(try resolve(.init(account: "farm", auth: .anonymous), both).signIn) == "anonymous")
        let connection = both.merging(["AZURE_STORAGE_CONNECTION_STRING": Self.connection]) { $1 }
        let source = try resolve(.init(auth: .azcli), connection)
        #expect(source.account.name == "viaconnection" && kind(source.signIn) == "Azure CLI")
    }

    @Test func `a secret of the command line wins over a method of the environment`() throws {
        let files = ["f": "a2V5", "c": Self.connection]
        let environment = ["AZURE_STORAGE_AUTH_TYPE": "msi"]
        #expect(kind(try resolve(.init(account: "farm", keyFile: "f"), environment, files: files).signIn) == "key a2V5")
        let options = StorageSourceResolver.Options(connectionStringFile: "c")
        #expect(kind(try resolve(options, environment, files: files).signIn) == "key a2V5")
        // Both on the command line: the file names the account.
        let both = StorageSourceResolver.Options(connectionStringFile: "c", auth: .msi)
        #expect(kind(try resolve(both, files: files).signIn) == "managed identity (IMDS)")
        #expect(throws: CommandFailure.self) {
            try resolve(.init(account: "farm", keyFile: "f", auth: .msi), files: files)
        }
    }

    @Test func `the file of a SAS stays known by its whole path, a pipe is read once`() throws {
        func origin(_ file: String) throws -> String {
            let resolver = StorageSourceResolver(
                options: .init(account: "farm", sasFile: file),
                environment: [:],
                readFile: { _ in .success(Array("sig=x".utf8)) },
                workingDirectory: "/home/me"
            )
            return kind(try resolver.resolve().signIn)
        }
        #expect(try origin("keys/sas") == "sas sig=x in /home/me/keys/sas")
        #expect(try origin("/etc/sas") == "sas sig=x in /etc/sas")
        #expect(try origin("/dev/fd/63") == "sas sig=x")
        let file = ["AZURE_STORAGE_SAS_TOKEN_FILE": "/etc/sas"]
        #expect(
            kind(try resolve(.init(account: "farm"), file, files: ["/etc/sas": "sig=y"]).signIn)
                == "sas sig=y in /etc/sas"
        )
    }

    @Test func `a cloud is named by its suffix`() throws {
        let source = try resolve(.init(account: "farm", endpointSuffix: "core.chinacloudapi.cn", auth: .anonymous))
        #expect(source.description == "https://farm.blob.core.chinacloudapi.cn")
        let environment = ["AZURE_STORAGE_ENDPOINT_SUFFIX": "core.usgovcloudapi.net"]
        #expect(
            try resolve(.init(account: "farm"), environment).description == "https://farm.blob.core.usgovcloudapi.net"
        )
    }

    @Test func `a container URL counts when no account is named`() throws {
        let environment = ["JOB_CONTAINER_URL": "https://farm.blob.core.windows.net/job-a?sv=1&sig=x"]
        let source = try resolve(.init(), environment)
        #expect(source.container == "job-a")
        #expect(source.description == "https://farm.blob.core.windows.net/job-a")
        #expect(try resolve(.init(account: "other"), environment).container == nil)
    }

    @Test func `both names of the endpoint's variable count`() throws {
        for name in ["AZURE_STORAGE_BLOB_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT"] {
            let source = try resolve(.init(), [name: "http://127.0.0.1:1/farm", "AZURE_STORAGE_ACCOUNT": "farm"])
            #expect(source.description == "http://127.0.0.1:1/farm")
        }
    }

    @Test(arguments: [
        (StorageSourceResolver.Options(), OutputFSCommands.ExitStatus.usage, "no storage account"),
        (.init(account: "farm", keyFile: "f", sasFile: "f"), .usage, "--key-file and --sas-file"),
        (.init(source: "farm", account: "farm"), .usage, "--account"),
        (.init(source: "https://x.y/", endpoint: "https://x.y/"), .usage, "--endpoint"),
        (.init(account: "farm", connectionStringFile: "f"), .usage, "--connection-string-file"),
        (.init(source: "https://x.y/c?sig=hunter2"), .usage, "--container-url-file"),
        (.init(account: "farm", keyFile: "missing"), .configuration, "missing"),
        (.init(account: "farm", keyFile: "empty"), .configuration, "is empty"),
        (.init(connectionStringFile: "f"), .configuration, "--connection-string-file"),
        (.init(source: "No Account"), .usage, "No Account"),
    ])
    func `what makes no sense is refused in words, without secrets`(
        _ options: StorageSourceResolver.Options,
        _ status: OutputFSCommands.ExitStatus,
        _ word: String
    ) {
        #expect {
            _ = try resolve(options, files: ["f": "hunter2", "empty": " \n"])
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == status && failure.report.contains(word) && !failure.report.contains("hunter2")
                && !failure.remedies.isEmpty
        }
    }

    @Test func `a container's URL without a SAS is opened by the other credentials`() throws {
        let url = "https://farm.blob.core.windows.net/job-a"
        let byFile = try resolve(.init(keyFile: "f", containerURL: url), files: ["f": "a2V5"])
        #expect((byFile.container, kind(byFile.signIn)) == ("job-a", "key a2V5"))
        let byEnvironment = try resolve(.init(containerURL: url), ["AZURE_STORAGE_SAS_TOKEN": "sig=x"])
        #expect(kind(byEnvironment.signIn) == "sas sig=x")
        #expect(kind(try resolve(.init(containerURL: url, auth: .anonymous)).signIn) == "anonymous")
    }

    @Test func `a container's URL may be in a variable that is named`() throws {
        let source = try resolve(
            .init(containerURL: "env:MINE"),
            ["MINE": "https://farm.blob.core.windows.net/job-a?sig=x", "AZURE_STORAGE_KEY": "a2V5"]
        )
        #expect((source.container, kind(source.signIn)) == ("job-a", "sas sig=x"))
        #expect(throws: CommandFailure.self) { try resolve(.init(containerURL: "env:NONE")) }
    }

    @Test func `a container's URL with a SAS is refused on the command line and not repeated`() throws {
        let failure = #expect(throws: CommandFailure.self) {
            try resolve(.init(containerURL: "https://farm.blob.core.windows.net/job-a?sig=c2VjcmV0"))
        }
        #expect(failure?.report.contains("c2VjcmV0") == false)
        #expect(failure?.report.contains("env:NAME") == true)
    }

    @Test func `a container URL of the environment goes by either name, the task's own first`() throws {
        let old = ["AZ_BATCH_JOB_OUTPUT_CONTAINER": "https://farm.blob.core.windows.net/job-old?sig=x"]
        #expect(try resolve(.init(), old).container == "job-old")
        let both = old.merging(["JOB_CONTAINER_URL": "https://farm.blob.core.windows.net/job-new?sig=x"]) { $1 }
        #expect(try resolve(.init(), both).container == "job-new")
    }
}
