import ArgumentParser
import AzureBlob
import OutputConventions
import Testing

@testable import OutputFSCommands

/// From what was said to what is done.
struct ConfigurationTests {
    private func configuration(
        _ arguments: [String],
        user: (id: UInt32, group: UInt32) = (1000, 1001),
        environment: [String: String] = ["HOME": "/home/me"]
    ) throws -> MountConfiguration {
        let command = try #require(try RootCommand.parseAsRoot(["mount"] + arguments + ["m"]) as? MountCommand)
        return try MountConfiguration(
            source: StorageSource(account: try StorageAccount(name: "farm"), signIn: .anonymous),
            mountPoint: "/m",
            tree: command.tree,
            transfer: command.transfer,
            user: user,
            environment: environment,
            workingDirectory: "/here"
        )
    }

    @Test func `the defaults are those of the documentation`() throws {
        let defaults = try configuration([])
        #expect(defaults.views.map(\.rawValue) == OutputView.allCases.map(\.rawValue))
        #expect((defaults.userID, defaults.groupID) == (1000, 1001))
        #expect((defaults.filePermissions, defaults.directoryPermissions) == (0o644, 0o755))
        #expect(defaults.attributeValidity == .seconds(1))
        #expect(defaults.memory == MountConfiguration.Default.memory)
        #expect(defaults.usesPosixMetadata && defaults.verifiesReads && !defaults.isReadOnly && !defaults.allowsOthers)
        #expect(defaults.retryDeadline == .seconds(60) && defaults.commitDeadline == .seconds(600))
        #expect(defaults.drainTimeout == .seconds(60))
        #expect(defaults.journalDirectory == "/home/me/.local/state/outputfs/journal")
        #expect(defaults.diskCache == nil)
    }

    @Test func `a umask takes bits, and a mode wins over it`() throws {
        let masked = try configuration(["--umask", "027"])
        #expect((masked.filePermissions, masked.directoryPermissions) == (0o640, 0o750))
        let fixed = try configuration(["--umask", "027", "--file-mode", "0600", "--dir-mode", "0711"])
        #expect((fixed.filePermissions, fixed.directoryPermissions) == (0o600, 0o711))
    }

    @Test func `the journal lies where this user may write`() throws {
        #expect(try configuration([], user: (0, 0)).journalDirectory == "/var/spool/outputfs")
        let state = try configuration([], environment: ["XDG_STATE_HOME": "/state"])
        #expect(state.journalDirectory == "/state/outputfs/journal")
        #expect(try configuration(["--journal-dir", "below"]).journalDirectory == "/here/below")
    }

    @Test func `too little memory is refused`() {
        #expect(throws: CommandFailure.self) { try configuration(["--memory", "1M"]) }
    }

    @Test func `emulator settings are taken apart`() throws {
        let settings = try EmulatorSettings(listen: "[::1]:0", accounts: ["farm:a2V5"])
        #expect((settings.address, settings.port) == ("::1", 0))
        #expect(settings.accounts == [.init(name: "farm", key: "a2V5")])
        #expect(try EmulatorSettings(listen: "127.0.0.1:10000").accounts == [EmulatorSettings.wellKnown])
        let file = try EmulatorSettings(
            listen: "127.0.0.1:1",
            accountFile: "f",
            readFile: { _ in .success(Array("one:a2V5\n\ntwo:a2V5\n".utf8)) }
        )
        #expect(file.accounts.map(\.name) == ["one", "two"])
    }

    @Test(arguments: ["", "10000", ":10000", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x"])
    func `a listening address has an address and a port`(_ listen: String) {
        #expect(throws: CommandFailure.self) { try EmulatorSettings(listen: listen) }
    }

    @Test(arguments: ["farm", "farm:", ":a2V5", "Farm:a2V5", "fa:a2V5", "farm:a2V", "farm:====", "farm:a=2V"])
    func `an account has a name and a key in base64, and the words never repeat the key`(_ account: String) {
        #expect {
            _ = try EmulatorSettings(listen: "127.0.0.1:1", accounts: [account])
        } throws: { error in
            (error as? CommandFailure).map { $0.status == .usage && !$0.report.contains("a2V") } ?? false
        }
    }

    @Test func `a failure is told as what, where and what to do`() {
        let failure = CommandFailure(.notFound, "the mount point /x does not exist", try: "mkdir -p /x", "another")
        #expect(
            failure.report == "outputfs: the mount point /x does not exist\n  try: mkdir -p /x\n  try: another"
        )
    }
}
