import Glibc
import Testing

@testable import BlobReading

@Suite struct MemoryBudgetTests {
    private static let mebi: UInt64 = 1 << 20

    /// In MiB: the group's limit, the machine's memory, what follows.
    @Test(
        arguments: [
            [nil, 65_536, 256], [1_024, 65_536, 128], [16_384, 1_024, 128], [64, 65_536, 32], [2_048, 65_536, 256],
            [nil, 0, 32],
        ] as [[UInt64?]]
    )
    func `An eighth of what there is, between 32 and 256 MiB`(sizes: [UInt64?]) {
        let cgroup = sizes[0].map { $0 * Self.mebi }
        let budget = MemoryBudget.default(cgroupMax: cgroup, physical: (sizes[1] ?? 0) * Self.mebi)
        #expect(UInt64(budget) == (sizes[2] ?? 0) * Self.mebi)
    }

    @Test func `More than half of the group's limit is a concern`() {
        #expect(MemoryBudget.concern(512 << 20, cgroupMax: 1 << 30) == nil)
        #expect(MemoryBudget.concern(513 << 20, cgroupMax: 1 << 30)?.contains("513 MiB of the 1024 MiB") == true)
        #expect(MemoryBudget.concern(1 << 40, cgroupMax: nil) == nil)
    }
}

@Suite struct ControlGroupTests {
    /// A hierarchy of files, by path.
    private func hierarchy(_ files: [String: String], _ body: (String) -> Void) throws {
        let root = "/tmp/outputfs-cgroup-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try #require(mkdir(root, 0o700) == 0)
        var directories: Set<String> = []
        for (path, text) in files {
            var directory = root
            for name in path.split(separator: "/").dropLast() {
                directory += "/" + name
                if directories.insert(directory).inserted { mkdir(directory, 0o700) }
            }
            let file = try #require(fopen(root + path, "w"))
            fputs(text, file)
            fclose(file)
        }
        body(root)
        for path in files.keys { unlink(root + path) }
        for directory in directories.sorted(by: { $0.utf8.count > $1.utf8.count }) { rmdir(directory) }
        rmdir(root)
    }

    @Test func `The tightest limit of the group and those above it counts`() throws {
        let files = [
            "/a/b/memory.max": "max\n", "/a/memory.max": "1073741824\n", "/memory.max": "2147483648\n",
        ]
        try hierarchy(files) { root in
            #expect(ControlGroup.memoryMax(membership: "0::/a/b\n", root: root) == 1 << 30)
            #expect(ControlGroup.memoryMax(membership: "0::/\n", root: root) == 2 << 30)
            // A container that sees the host's path and its own root.
            #expect(ControlGroup.memoryMax(membership: "0::/docker/1a2b\n", root: root) == 2 << 30)
        }
    }

    @Test func `Version 1 says it beside other controllers, and has a number for no limit`() throws {
        let files = [
            "/memory/job/memory.limit_in_bytes": "536870912\n",
            "/memory/memory.limit_in_bytes": "9223372036854771712\n",
        ]
        try hierarchy(files) { root in
            let membership = "12:pids:/job\n9:cpu,memory:/job\n1:name=systemd:/x\n0::/x\n"
            #expect(ControlGroup.memoryMax(membership: membership, root: root) == 512 << 20)
            #expect(ControlGroup.memoryMax(membership: "9:memory:/\n", root: root) == nil)
        }
    }

    @Test func `Without a hierarchy there is no limit`() {
        #expect(ControlGroup.memoryMax(membership: "0::/a\n", root: "/nowhere") == nil)
        #expect(ControlGroup.memoryMax(membership: "nonsense", root: "/nowhere") == nil)
    }
}
