import ArgumentParser
import Testing

@testable import OutputFSCommands

/// Files, environment, `-o` and command line: which value counts, and what is said of those that make no sense.
struct SettingTests {
    private static let file = "/etc/outputfs/config.toml"

    private func settled(
        _ arguments: [String],
        _ text: String = "",
        environment: [String: String] = [:],
        file: String = file
    ) throws -> SettledArguments {
        try SettledArguments(
            arguments,
            environment: environment,
            readFile: { $0 == file ? .success(Array(text.utf8)) : .failure(Errno(2)) }
        )
    }

    private func value(_ name: String, _ settled: SettledArguments) -> String? {
        settled.settings.first { $0.setting.name == name }.map { "\($0.value) (\($0.origin))" }
    }

    @Test func `the command line wins over -o, that over the environment, that over the file`() throws {
        let text = "memory = \"100M\"\numask = \"011\"\nuid = 1\ngid = 2\nverify = false\n"
        let environment = ["OUTPUTFS_MEMORY": "200M", "OUTPUTFS_UMASK": "022", "OUTPUTFS_UID": "3"]
        let settled = try settled(
            ["mount", "m", "-o", "memory=300M,umask=033", "--memory", "400M"],
            text,
            environment: environment
        )
        #expect(value("memory", settled) == "400M (command line)")
        #expect(value("umask", settled) == "033 (-o)")
        #expect(value("uid", settled) == "3 (OUTPUTFS_UID)")
        #expect(value("gid", settled) == "2 (\(Self.file):4)")
        #expect(value("verify", settled) == "off (\(Self.file):5)")
        let command = try #require(try RootCommand.parseAsRoot(settled.arguments) as? MountCommand)
        #expect(command.transfer.memory == 400 << 20)
        #expect((command.tree.umask, command.tree.uid, command.tree.gid) == (0o033, 3, 2))
        #expect(command.transfer.verify == false)
        #expect(settled.files == [Self.file])
    }

    @Test func `what was settled settles to the same again`() throws {
        let text = "account = \"farm\"\nkey-file = \"/k\"\nread-only = true\ntracked-kinds = []\n"
        let once = try settled(["mount", "m", "-o", "attr_ttl=5s"], text)
        let command = try #require(try RootCommand.parseAsRoot(once.arguments) as? MountCommand)
        #expect(command.tree.readOnly && command.storage.account == "farm" && command.tree.trackedKinds != nil)
        let again = try settled(once.arguments, text)
        #expect(Set(again.arguments) == Set(once.arguments))
    }

    @Test func `a flag of a file can be taken back`() throws {
        let text = "read-only = true\nallow-other = true\n"
        #expect(try settled(["mount", "m"], text).arguments == ["mount", "--read-only", "--allow-other", "m"])
        let back = try settled(["mount", "m", "-o", "rw"], text, environment: ["OUTPUTFS_ALLOW_OTHER": "no"])
        #expect(back.arguments == ["mount", "m"])
    }

    /// The keeper settles; what its worker found in a file again would bring back what `-o rw` took.
    @Test func `a worker's arguments are settled already`() throws {
        let text = "read-only = true\nuid = 1\n"
        let keeper = try settled(["mount", "m", "-o", "rw"], text).arguments
        #expect(keeper == ["mount", "--uid", "1", "m"])
        let own = KeeperOptions.arguments(
            socket: 5,
            survivors: 6,
            device: nil,
            restarts: 0,
            lastEnd: nil,
            mountPoint: nil,
            isInBackground: false
        )
        let worker = ["mount"] + own + keeper.dropFirst()
        #expect(try settled(worker, text).arguments == worker)
        // Nor does a file end it that somebody is just writing.
        #expect(try settled(worker, "read-only = ").arguments == worker)
    }

    @Test(arguments: [
        ("OUTPUTFS_CONTAINER_URL", "https://a.blob.core.windows.net/c?sv=1&sig=c2VjcmV0"),
        ("OUTPUTFS_ENDPOINT", "https://a.blob.core.windows.net/?sig=c2VjcmV0"),
        ("OUTPUTFS_PROXY", "http://me:c2VjcmV0@proxy:3128"), ("OUTPUTFS_PROXY", "me:c2VjcmV0@proxy:3128"),
    ])
    func `no secret gets among the arguments by way of a setting`(_ variable: String, _ value: String) {
        #expect {
            try settled(["mount", "m"], environment: [variable: value])
        } throws: { error in
            (error as? CommandFailure).map { $0.what.contains(variable) && !$0.report.contains("c2VjcmV0") } ?? false
        }
    }

    @Test(arguments: ["get a b", "put a b", "sync --both a b", "ls", "find a", "cat a", "upload --pattern x -- y"])
    func `every command that takes settings takes the file that they are in`(_ words: String) throws {
        let given = words.split(separator: " ").map(String.init)
        let settled = try settled(
            [given[0], "--config", "/c"] + given.dropFirst(),
            "account = \"farm\"\n",
            file: "/c"
        )
        #expect(settled.arguments.prefix(3) == [given[0], "--account", "farm"])
        _ = try RootCommand.parseAsRoot(settled.arguments)
    }

    @Test func `a table is for the mount point that it names`() throws {
        let text =
            "memory = \"100M\"\n[mount.\"/mnt/a\"]\nmemory = \"200M\"\naccount = \"one\"\n[mount.\"/b\"]\nuid = 9\n"
        #expect(value("memory", try settled(["mount", "/mnt/a"], text)) == "200M (\(Self.file):3)")
        #expect(value("account", try settled(["mount", "/mnt/a"], text)) == "one (\(Self.file):4)")
        #expect(value("memory", try settled(["mount", "/mnt/c"], text)) == "100M (\(Self.file):1)")
        #expect(value("uid", try settled(["mount", "/mnt/a"], text)) == nil)
        // Two spellings of é are two directories.
        let spelled = "[mount.\"/mnt/\\u00e9\"]\nuid = 1\n[mount.\"/mnt/e\\u0301\"]\nuid = 2\n"
        #expect(value("uid", try settled(["mount", "/mnt/\u{e9}"], spelled)) == "1 (\(Self.file):2)")
        #expect(value("uid", try settled(["mount", "/mnt/e\u{301}"], spelled)) == "2 (\(Self.file):4)")
    }

    /// Accounts and credentials of different places belong to different people.
    @Test func `what belongs to another account is not mixed in`() throws {
        let text = "account = \"farm\"\nkey-file = \"/k\"\nmemory = \"100M\"\n"
        #expect(value("key-file", try settled(["mount", "m"], text)) == "/k (\(Self.file):2)")
        // Another account by each way: the file's key is not its key.
        for other in [
            ["mount", "other", "m"], ["mount", "m", "--account", "other"], ["mount", "m", "-o", "account=other"],
        ] {
            let settled = try settled(other, text)
            #expect(value("key-file", settled) == nil && value("memory", settled) != nil, "\(other)")
        }
        for variable in [
            "OUTPUTFS_ACCOUNT", "AZURE_STORAGE_ACCOUNT", "JOB_CONTAINER_URL", "AZURE_STORAGE_CONNECTION_STRING",
        ] {
            let settled = try settled(["mount", "m"], text, environment: [variable: "other"])
            #expect(value("key-file", settled) == nil, "\(variable)")
            #expect(value("account", settled) == (variable == "OUTPUTFS_ACCOUNT" ? "other (\(variable))" : nil))
        }
        // SOURCE and -o stand in one line of fstab.
        let own = try settled(["mount", "other", "m", "-o", "key_file=/o"], text)
        #expect(value("key-file", own) == "/o (-o)")
        // Another credential for the same account.
        let sas = try settled(["mount", "m", "--sas-file", "/s"], text)
        #expect(value("key-file", sas) == nil && value("account", sas) == "farm (\(Self.file):1)")
        let key = try settled(["mount", "m"], text, environment: ["AZURE_STORAGE_KEY": "a2V5"])
        #expect(value("key-file", key) == nil && value("account", key) == "farm (\(Self.file):1)")
    }

    @Test func `a method that names an identity takes the place of a weaker key, and gives way to a stronger one`()
        throws
    {
        let key = "account = \"farm\"\nkey-file = \"/k\"\n"
        let identity = "account = \"farm\"\nauth = \"msi\"\ntenant-id = \"t\"\n"
        #expect(value("key-file", try settled(["mount", "m", "--auth", "msi"], key)) == nil)
        #expect(value("key-file", try settled(["mount", "m", "--auth", "key"], key)) != nil)
        for (method, isKept) in [("msi", false), ("key", true)] {
            let ours = try settled(["mount", "m"], key, environment: ["OUTPUTFS_AUTH": method])
            #expect((value("key-file", ours) != nil) == isKept)
            let azure = try settled(["mount", "m"], key, environment: ["AZURE_STORAGE_AUTH_TYPE": method])
            #expect((value("key-file", azure) != nil) == isKept)
        }
        let given = try settled(["mount", "m", "--key-file", "/o"], identity)
        #expect(value("auth", given) == nil && value("tenant-id", given) != nil)
        #expect(value("auth", try settled(["mount", "m"], identity)) == "msi (\(Self.file):2)")
    }

    @Test func `a file that is named is read instead of the others, and has to be there`() throws {
        let own = try settled(["mount", "m", "--config", "/c"], "uid = 7", file: "/c")
        #expect(value("uid", own) == "7 (/c:1)")
        #expect(value("uid", try settled(["mount", "m", "-o", "config=/c"], "uid = 7", file: "/c")) == "7 (/c:1)")
        let environment = ["OUTPUTFS_CONFIG": "/c"]
        #expect(
            value("uid", try settled(["mount", "m"], "uid = 7", environment: environment, file: "/c")) == "7 (/c:1)"
        )
        #expect(throws: CommandFailure.self) { try settled(["mount", "m", "--config", "/d"]) }
    }

    @Test func `a user's file wins over the system's`() throws {
        let files = ["/etc/outputfs/config.toml": "uid = 1\ngid = 1\n", "/x/outputfs/config.toml": "uid = 2\n"]
        let settled = try SettledArguments(
            ["mount", "m"],
            environment: ["XDG_CONFIG_HOME": "/x"],
            readFile: { path in files[path].map { .success(Array($0.utf8)) } ?? .failure(Errno(2)) }
        )
        #expect(value("uid", settled) == "2 (/x/outputfs/config.toml:1)")
        #expect(value("gid", settled) == "1 (/etc/outputfs/config.toml:2)")
        #expect(settled.files == ["/etc/outputfs/config.toml", "/x/outputfs/config.toml"])
    }

    @Test(arguments: [
        ("cache_dir = \"/c\"", "no setting 'cache_dir'", "cache-dir"),
        ("memroy = \"1G\"", "no setting 'memroy'", "memory"),
        ("account-key = \"c2VjcmV0\"", "no setting 'account-key'", "account"),
        ("uid = \"me\"", "'uid' wants a number, and this is a string", "uid = 1000"),
        ("read-only = \"yes\"", "'read-only' wants true or false", "read-only = true"),
        ("memory = true", "'memory' wants a size in quotes", "512M"),
        ("memory = \"512X\"", "'memory': write a size", "512M"),
        ("attr-ttl = \"5 parsecs\"", "'attr-ttl': write a time", "30s"),
        ("umask = 22", "'umask' wants permissions in octal", "0644"),
        ("durability = \"both\"", "'durability': write one of commit, journal", "commit"),
        ("cache-dir = \"cache\"", "a path from the root", "/…"),
        ("[tree]\nuid = 1", "[tree], which is no table", "[mount.\"/mnt/outputs\"]"),
        ("uid 1", "a key is followed by =", "key = \"value\""),
    ])
    func `what makes no sense is told with file, line, key and what is meant`(
        _ text: String,
        _ words: String,
        _ remedy: String
    ) {
        #expect {
            try settled(["mount", "m"], "# first\n\(text)\n")
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            let line = text.hasPrefix("[") ? 3 : 2
            return failure.status == .configuration && failure.what.hasPrefix("\(Self.file):\(line): ")
                && failure.what.contains(words) && failure.remedies.contains { $0.contains(remedy) }
                && !failure.report.contains("c2VjcmV0")
        }
    }

    @Test func `a variable that makes no sense is named, without its value`() {
        #expect {
            try settled(["mount", "m"], environment: ["OUTPUTFS_MEMORY": "c2VjcmV0"])
        } throws: { error in
            (error as? CommandFailure).map { $0.what.contains("OUTPUTFS_MEMORY") && !$0.report.contains("c2VjcmV0") }
                ?? false
        }
        let unknown = SettingEnvironment.unknown(["OUTPUTFS_CACHEDIR": "/c", "OUTPUTFS_UID": "1", "PATH": ""])
        #expect(unknown.map(\.variable) == ["OUTPUTFS_CACHEDIR"])
        #expect(unknown.first?.nearest == "OUTPUTFS_CACHE_DIR")
    }

    @Test func `other commands take only what concerns them`() throws {
        let text = "account = \"farm\"\njournal-dir = \"/j\"\nuid = 1\nlog-level = \"debug\"\n"
        #expect(
            try settled(["recover", "--list"], text).arguments
                == ["recover", "--account", "farm", "--journal-dir", "/j", "--list"]
        )
        #expect(try !settled(["doctor"], text).arguments.contains("--log-level"))
        #expect(try settled(["status"], text).arguments == ["status"])
        #expect(try settled(["unmount", "m"], "nonsense").arguments == ["unmount", "m"])
    }

    @Test func `rm takes the way to the store as every command does, and never the account itself`() throws {
        let text =
            "account = \"farm\"\nkey-file = \"/k\"\nproxy = \"proxy:3128\"\nluisy-container = \"faces\"\nuid = 1\n"
            + "[datastores.lab]\ncontainer = \"models\"\n"
        let own = ["rm", "-r", "--account", "other", "/jobs/a"]
        let others = ["--proxy", "proxy:3128", "--luisy-container", "faces", "--datastore", "lab.container=models"]
        let settled = try settled(own, text)
        #expect(settled.arguments == ["rm"] + others + own.dropFirst())
        _ = try RootCommand.parseAsRoot(settled.arguments)
        #expect(try self.settled(["ls", "--account", "other"], text).arguments.dropFirst().starts(with: others))
        // Below a mount: the process behind it knows all that.
        for words in [["rm", "/mnt/a"], ["rm", "--auth", "cli", "/mnt/a"], ["rm", "--proxy", "p:1", "/mnt/a"]] {
            #expect(try self.settled(words, text, environment: ["OUTPUTFS_ACCOUNT": "x"]).arguments == words)
        }
    }

    /// Each setting is an option of `mount` of that name, and the other way round.
    @Test func `the table and the options are the same`() {
        let help = RootCommand.helpMessage(for: MountCommand.self, columns: 300)
        let options = help.split(separator: "\n").compactMap { line -> String? in
            let word = line.split(separator: " ").first { $0.hasPrefix("--") }
            guard line.hasPrefix("  --"), let word else { return nil }
            return String(word)
        }
        let others: Set = ["--foreground", "--config", "--version", "--help"]
        #expect(Set(options).subtracting(others) == Set(SettingTable.all.map(\.option)))
        for setting in SettingTable.all {
            let takesValue = help.contains("  \(setting.option) <")
            #expect(takesValue == (setting.kind != .flag), "\(setting.option)")
        }
    }

    /// Whatever the table calls a value, the option takes it.
    @Test func `each default is one that its option takes`() throws {
        for setting in SettingTable.all {
            guard let standard = setting.standard else { continue }
            #expect(setting.objection(to: standard) == nil, "\(setting.name)")
            _ = try RootCommand.parseAsRoot(["mount"] + setting.arguments(standard) + ["m"])
        }
    }
}
