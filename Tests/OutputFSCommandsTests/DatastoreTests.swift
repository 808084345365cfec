import ArgumentParser
import AzureBlob
import OutputConventions
import Testing

@testable import OutputFSCommands

/// `[datastores.NAME]`: from a file's lines to places that a mount knows.
struct DatastoreTests {
    private static let file = "/etc/outputfs/config.toml"
    private static let own = "/home/me/.config/outputfs/config.toml"

    private func settled(_ text: String, own: String? = nil, command: [String] = ["ls"]) throws -> SettledArguments {
        try SettledArguments(
            command,
            environment: ["HOME": "/home/me"],
            readFile: { path in
                switch path {
                case Self.file: .success(Array(text.utf8))
                case Self.own: own.map { .success(Array($0.utf8)) } ?? .failure(Errno(2))
                default: .failure(Errno(2))
                }
            }
        )
    }

    private func datastores(
        _ text: String,
        own: String? = nil,
        _ environment: [String: String] = [:],
        files: [String: String] = ["/k": "a2V5"]
    ) throws -> [DatastoreSource] {
        let settled = try settled(text, own: own)
        let command = try #require(try RootCommand.parseAsRoot(settled.arguments) as? LsCommand)
        return try DatastoreResolver(
            environment: environment,
            readFile: { path in files[path].map { .success(Array($0.utf8)) } ?? .failure(Errno(2)) },
            network: NetworkChoice()
        ).resolve(command.storage.datastore)
    }

    private func failure(_ text: String, _ environment: [String: String] = [:]) -> String? {
        do {
            _ = try datastores(text, environment)
            return nil
        } catch let failure as CommandFailure {
            return failure.report
        } catch { return "\(error)" }
    }

    @Test func `a table names an account, a container and a folder in it`() throws {
        let text = """
            account = "farm"
            [datastores.lab_1]
            account = "lab"
            key-file = "/k"
            container = "models"
            prefix = "a/b"
            """
        let found = try #require(try datastores(text).first)
        #expect((found.name, found.prefix) == ("lab_1", "a/b/"))
        #expect(found.configured.container == "https://lab.blob.core.windows.net/models")
        #expect("\(try #require(found.source))" == "https://lab.blob.core.windows.net/models")
        guard case .key(let key)? = found.source?.signIn else { return #expect(Bool(false), "no key") }
        #expect(key.revealed() == "a2V5")
    }

    @Test func `a table without an account is a folder of the command's own`() throws {
        let found = try #require(try datastores("[datastores.lab]\ncontainer = \"models\"\nprefix = \"a/\"\n").first)
        #expect(found.source == nil)
        #expect((found.configured.container, found.configured.prefix) == ("models", "a/"))
    }

    @Test func `what the environment says of another account opens none of them`() throws {
        let environment = [
            "AZURE_STORAGE_KEY": "Z2VoZWlt", "AZURE_STORAGE_ACCOUNT": "farm", "AZURE_STORAGE_SAS_TOKEN": "sig=x",
            "AZURE_STORAGE_CONNECTION_STRING": "AccountName=farm;AccountKey=Z2VoZWlt",
            "JOB_CONTAINER_URL": "https://farm.blob.core.windows.net/job-a?sig=x",
            "AZURE_STORAGE_AUTH_TYPE": "key",
        ]
        let text = "[datastores.lab]\naccount = \"lab\"\ncontainer = \"models\"\n"
        let found = try #require(try datastores(text, environment).first)
        guard case .identity? = found.source?.signIn else { return #expect(Bool(false), "not an identity") }
    }

    @Test func `a variable that a table names is taken, and tells the container`() throws {
        let url = ["LAB_URL": "https://lab.blob.core.windows.net/models?sv=1&sig=c2VjcmV0"]
        let found = try #require(try datastores("[datastores.lab]\ncontainer-url = \"env:LAB_URL\"\n", url).first)
        #expect(found.container == "models")
        guard case .sas? = found.source?.signIn else { return #expect(Bool(false), "no SAS") }
        let text = "[datastores.lab]\ncontainer-url = \"env:LAB_URL\"\ncontainer = \"other\"\n"
        #expect(failure(text, url)?.contains("the container's URL is of 'models'") == true)
    }

    @Test func `a user's table takes the place of the system's as a whole`() throws {
        let text = "[datastores.lab]\naccount = \"lab\"\nkey-file = \"/k\"\ncontainer = \"models\"\nprefix = \"a\"\n"
        let own = "[datastores.lab]\ncontainer = \"mine\"\n[datastores.two]\ncontainer = \"two\"\n"
        let found = try datastores(text, own: own)
        #expect(found.map(\.name) == ["lab", "two"])
        #expect(found.map(\.configured.container) == ["mine", "two"])
        #expect(found[0].prefix.isEmpty)
    }

    @Test(arguments: [
        ("[datastores.la-b]\ncontainer = \"models\"\n", ":1: 'la-b' is no name of a datastore"),
        ("[datastores.\"é\"]\ncontainer = \"models\"\n", ":1: 'é' is no name of a datastore"),
        ("[datastores.lab]\n", "[datastores.lab]: it names no container"),
        ("[datastores.lab]\naccount = \"lab\"\nkey-file = \"/k\"\n", "[datastores.lab]: it names no container"),
        ("[datastores.lab]\ncontainer = \"Models\"\n", "'Models' is no name of a container"),
        ("[datastores.lab]\ncontainer = \"models\"\nprefix = \"/a\"\n", "prefix '/a' is no folder"),
        ("[datastores.lab]\ncontainer = \"models\"\nprefix = \"a/../b\"\n", "prefix 'a/../b' is no folder"),
        ("[datastores.lab]\ncontainr = \"models\"\n", ":2: there is no setting 'containr'\n  try: container"),
        ("[datastores.lab]\nmemory = \"1G\"\n", ":2: there is no setting 'memory'"),
        ("[datastores.lab]\ncontainer = 3\n", "'container' wants a string"),
        ("[datastores]\ncontainer = \"models\"\n", ":2: there is no setting 'container'"),
        ("[datastores]\nmemory = \"1G\"\n", "stands in [datastores], which is no table of outputfs"),
        ("[datastores.lab.x]\nmemory = \"1G\"\n", "stands in [datastores.lab.x]"),
        (
            "[datastores.lab]\nkey-file = \"/k\"\ncontainer = \"models\"\n",
            "it says how to open an account, and not which"
        ),
        (
            "[datastores.lab]\naccount = \"lab\"\nkey-file = \"/none\"\ncontainer = \"models\"\n",
            "[datastores.lab]: --key-file /none cannot be read"
        ),
        (
            "[datastores.lab]\nendpoint = \"http://lab.example/lab\"\ncontainer = \"models\"\n",
            "[datastores.lab]: http://lab.example/lab is not encrypted"
        ),
        (
            """
            [datastores.one]
            account = "lab"
            key-file = "/k"
            container = "models"
            [datastores.two]
            account = "lab"
            container = "models"
            """,
            "are one container, https://lab.blob.core.windows.net/models, and do not open it the same way"
        ),
    ])
    func `what makes no sense is told by its place`(text: String, words: String) {
        let report = failure(text)
        #expect(report?.contains(words) == true, "\(report ?? "nothing is wrong with it")")
        #expect(report?.contains("\n  try: ") == true)
    }

    @Test func `a secret in the wrong place is refused, and not repeated`() {
        for line in ["prefix = \"x?sig=c2VjcmV0\"", "container-url = \"https://h/c?sig=c2VjcmV0\""] {
            let report = failure("[datastores.lab]\ncontainer = \"models\"\n\(line)\n")
            #expect(report?.contains("a SAS has no place here") == true)
            #expect(report?.contains("c2VjcmV0") == false)
        }
    }

    @Test func `two folders of one container are opened alike`() throws {
        let table = "account = \"lab\"\nkey-file = \"/k\"\ncontainer = \"models\"\n"
        let found = try datastores("[datastores.one]\n\(table)[datastores.two]\n\(table)prefix = \"two\"\n")
        #expect(Set(found.map(\.configured.container)).count == 1)
    }

    @Test func `what was settled settles to the same again, and upload takes none`() throws {
        let text = "[datastores.lab]\ncontainer = \"models\"\nprefix = \"a=b.c\"\n[datastores.none]\n"
        let once = try settled(text)
        #expect(
            once.arguments == [
                "ls", "--datastore", "lab.container=models", "--datastore", "lab.prefix=a=b.c", "--datastore", "none",
            ]
        )
        #expect(DatastoreArgument("lab.prefix=a=b.c")?.value == "a=b.c")
        #expect(DatastoreArgument("lab.prefix") == nil)
        #expect(try settled(text, command: ["upload", "--", "true"]).datastores.isEmpty)
    }

    @Test func `config shows them with their origins`() throws {
        let text = "[datastores.lab]\ncontainer = \"models\"\nkey-file = \"/k\"\n"
        let report = ConfigurationReport(
            try settled(text, command: ["config"]),
            source: nil,
            environment: [:],
            user: (1000, 1000)
        )
        let lab = try #require(report.datastores.first)
        #expect(lab.settings.map(\.name) == ["container", "key-file"])
        #expect(lab.settings.first?.origin == "\(Self.file):2")
        #expect(report.text.contains("DATASTORE lab"))
    }

    @Test func `a datastore in trouble is a warning, and says everything that is`() {
        let fine = Finding("identity", .ok, "an account key")
        let trouble = Finding("store", .problem, "it refuses", try: "another key")
        #expect(DatastoreChecks.judge([fine], "datastore lab", place: "https://lab").map(\.level) == [.ok])
        let found = DatastoreChecks.judge([fine, trouble], "datastore lab", place: "https://lab")
        #expect(found == [Finding("datastore lab", .warning, "it refuses", try: "another key")])
    }
}
