import ArgumentParser
import Testing

@testable import OutputFSCommands

/// `-o` as mount(8) passes it.
struct MountOptionTests {
    private func settled(_ arguments: [String]) throws -> [String] {
        try SettledArguments(arguments, environment: [:], readFile: { _ in .failure(Errno(2)) }).arguments
    }

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
        (["mount", "-o", "noexec,nosuid,nodev,user=me", "m"], ["mount", "--mount-flag", "noexec", "m"]),
        (["mount", "-o", ",,", "m"], ["mount", "m"]),
        (["mount", "-o", "ro,rw", "m"], ["mount", "m"]),
        // What is given by its own name wins.
        (["mount", "--uid", "1", "-o", "uid=2", "m"], ["mount", "--uid", "1", "m"]),
        (["mount", "m", "--", "-o"], ["mount", "m", "--", "-o"]),
        (["unmount", "-o", "x"], ["unmount", "-o", "x"]),
        ([], []),
    ])
    func `each mount option becomes the option of the same name`(_ given: [String], _ expected: [String]) throws {
        #expect(try settled(given) == expected)
    }

    @Test func `an unknown option is named, without its value, with the list of those that are known`() {
        #expect {
            try settled(["mount", "m", "-o", "account_key=hunter2"])
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == .usage && failure.what.contains("'account_key'")
                && !failure.report.contains("hunter2") && failure.report.contains("attr_ttl")
        }
    }

    @Test func `an option that is nearly one is told which`() {
        #expect {
            try settled(["mount", "m", "-o", "cachedir=/c"])
        } throws: { error in
            (error as? CommandFailure)?.remedies.first == "-o cache_dir"
        }
    }

    @Test func `the last value of an option wins`() throws {
        let command = try #require(
            try RootCommand.parseAsRoot(["mount", "--uid", "2", "--uid", "1", "m"]) as? MountCommand
        )
        #expect(command.tree.uid == 1)
    }

    @Test(arguments: [
        (["/sbin/mount.outputfs", "farm", "/m", "-o", "rw,_netdev"], ["mount", "-o", "rw,_netdev", "farm", "/m"]),
        (["mount.fuse.outputfs", "none", "/m", "-n", "-v"], ["mount", "/m"]),
        (["mount.outputfs", "outputfs", "/m", "-r", "-t", "outputfs", "-N", "7"], ["mount", "-o", "ro", "/m"]),
        (["mount.outputfs", "none", "/m", "-sf"], nil), (["/usr/bin/outputfs", "status", "-f"], ["status", "-f"]),
        (["outputfs"], []),
    ])
    func `by its other names the program takes what mount gives a helper`(_ words: [String], _ expected: [String]?) {
        #expect(MountHelper.arguments(words) == expected)
    }
}
