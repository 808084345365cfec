import Testing

@testable import OutputFSCommands

/// `outputfs config`.
struct ConfigurationReportTests {
    private func report(_ arguments: [String], source: String? = nil, _ environment: [String: String]) throws
        -> ConfigurationReport
    {
        ConfigurationReport(
            try SettledArguments(
                ["config"] + arguments,
                environment: environment,
                readFile: { _ in .failure(Errno(2)) }
            ),
            source: source,
            environment: environment,
            user: (1000, 1001)
        )
    }

    private func row(_ name: String, _ report: ConfigurationReport) -> ConfigurationReport.Row? {
        report.settings.first { $0.name == name }
    }

    @Test func `each setting has a row, with its default where nobody said anything`() throws {
        let report = try report([], ["HOME": "/home/me"])
        #expect(report.settings.map(\.name) == SettingTable.all.map(\.name))
        #expect(report.settings.allSatisfy { $0.origin == "default" && !$0.isSecret })
        #expect(row("journal-dir", report)?.value == "/home/me/.local/state/outputfs/journal")
        #expect(row("file-mode", report)?.value == "0644")
        #expect(row("cache-dir", report)?.value == nil)
        #expect(row("uid", report)?.value == "1000")
        #expect(report.text.contains("cache-dir                none"))
    }

    @Test func `a mode follows the umask`() throws {
        #expect(row("dir-mode", try report(["-o", "umask=077"], [:]))?.value == "0700")
    }

    @Test func `of a secret only the origin is shown`() throws {
        let environment = [
            "AZURE_STORAGE_ACCOUNT": "farm", "AZURE_STORAGE_KEY": "c2VjcmV0",
            "OUTPUTFS_ENDPOINT": "https://h/c?x=c2VjcmV0",
        ]
        let report = try report([], environment)
        #expect(
            row("key-file", report) == .init(name: "key-file", value: nil, origin: "AZURE_STORAGE_KEY", isSecret: true)
        )
        #expect(row("endpoint", report)?.value == "https://h/c")
        #expect(!report.text.contains("c2VjcmV0"))
        let misplaced = try self.report(["-o", "account=AccountName=farm;AccountKey=c2VjcmV0"], [:])
        #expect(row("account", misplaced)?.value == "(not shown)")
    }

    @Test func `a connection string stands for account and key, unless an account is named`() throws {
        let environment = ["AZURE_STORAGE_CONNECTION_STRING": "x", "AZURE_STORAGE_ACCOUNT": "farm"]
        let used = try report([], environment)
        #expect(row("connection-string-file", used)?.origin == "AZURE_STORAGE_CONNECTION_STRING")
        #expect(row("account", used)?.origin == "default")
        let named = try report(["other", "m"], source: "other", environment)
        #expect(row("connection-string-file", named)?.origin == "default")
        #expect(row("account", named) == .init(name: "account", value: "other", origin: "command line"))
    }
}
