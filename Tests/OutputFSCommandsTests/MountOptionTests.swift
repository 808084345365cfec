import ArgumentParser
import Testing

@testable import OutputFSCommands

/// `-o` as mount(8) passes it.
struct MountOptionTests {
    @Test(arguments: [
        (["mount", "m", "-o", "ro"], ["mount", "--read-only", "m"]),
        (["mount", "-oro,uid=5", "m"], ["mount", "--read-only", "--uid", "5", "m"]),
        (["mount", "-o", "attr_ttl=5s", "-o", "gid=6", "m"], ["mount", "--attr-ttl", "5s", "--gid", "6", "m"]),
        (["mount", "-o", "views=jobs:containers", "m"], ["mount", "--views", "jobs,containers", "m"]),
        (
            ["mount", "-o", "cache_dir=/c,cache_size=1G", "m"],
            ["mount", "--cache-dir", "/c", "--cache-size", "1G", "m"]
        ),
        (["mount", "-o", "rw,_netdev,nofail,x-systemd.requires=a.mount,comment=x", "m"], ["mount", "m"]),
        (["mount", "-o", ",,", "m"], ["mount", "m"]),
        // What is given by its own name stands behind, and the last one wins.
        (["mount", "--uid", "1", "-o", "uid=2", "m"], ["mount", "--uid", "2", "--uid", "1", "m"]),
        (["mount", "--", "-o", "m"], ["mount", "--", "-o", "m"]),
        (["unmount", "-o", "x"], ["unmount", "-o", "x"]),
        ([], []),
    ])
    func `each mount option becomes the option of the same name`(_ given: [String], _ expected: [String]) throws {
        #expect(try MountOptionList.expanded(given) == expected)
    }

    @Test func `an unknown option is named, without its value, with the list of those that are known`() {
        #expect {
            try MountOptionList.expanded(["mount", "-o", "account_key=hunter2"])
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == .usage && failure.what.contains("'account_key'")
                && !failure.report.contains("hunter2") && failure.report.contains("attr_ttl")
        }
    }

    @Test func `the last value of an option wins`() throws {
        let command = try #require(
            try RootCommand.parseAsRoot(["mount", "--uid", "2", "--uid", "1", "m"]) as? MountCommand
        )
        #expect(command.tree.uid == 1)
    }

    @Test func `every setting is an option of the mount command`() throws {
        let help = RootCommand.helpMessage(for: MountCommand.self, columns: 200)
        for setting in MountOptionList.settings {
            let option = "--" + setting.split(separator: "_").joined(separator: "-")
            #expect(help.contains(option + " <"), "\(setting)")
        }
    }
}
