import ArgumentParser
import OutputConventions
import Testing

@testable import OutputFSCommands

/// What the commands about jobs take, and how they end.
struct JobCommandTests {
    @Test func `ages have days and weeks`() throws {
        #expect(try Values.age("30d") == 30 * 86_400)
        #expect(try Values.age("2w") == 14 * 86_400)
        #expect(try Values.age("12h") == 43_200)
        #expect(try Values.age("90") == 90)
        for bad in ["", "d", "-1d", "1.5d", "99999999d", "soon"] {
            #expect(throws: (any Error).self, "\(bad)") { _ = try Values.age(bad) }
        }
    }

    @Test func `a wait that failed anywhere failed, and else was in time or not`() {
        func status(_ states: [JobWaiting.Outcome.State]) -> OutputFSCommands.ExitStatus {
            JobWaiting.exitStatus(of: states.map { .init(job: "jobs/film", state: $0, reason: "") })
        }
        #expect(status([.ready, .ready]) == .success)
        #expect(status([.ready, .timeout]) == .busy)
        #expect(status([.timeout, .failed, .ready]) == .failure)
    }

    @Test func `settings stand behind both words of a command`() throws {
        #expect(SettingTable.wordCount(of: "jobs") == 2)
        #expect(SettingTable.wordCount(of: "get") == 1)
        #expect(SettingTable.wordCount(of: "unheard-of") == 1)
        let settled = try SettledArguments(
            ["jobs", "show", "film"],
            environment: ["OUTPUTFS_ACCOUNT": "farm"],
            readFile: { _ in .failure(Errno(2)) }
        )
        #expect(Array(settled.arguments.prefix(2)) == ["jobs", "show"])
        #expect(settled.arguments.contains("farm") && settled.arguments.last == "film")
        let command = try RootCommand.parseAsRoot(settled.arguments)
        #expect((command as? JobsShowCommand)?.options.storage.account == "farm")
    }

    @Test func `a row of the list has its columns where the title has them`() {
        let title = JobLine.columns("KIND", "CHANGED", "STATE", "ID")
        let row = JobLine.columns("azureml", "2026-11-21T10:15:00Z", "terminating", "cow")
        #expect(title.split(separator: "ID")[0].count == row.split(separator: "cow")[0].count)
    }
}
