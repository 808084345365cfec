import BlobStorage
import FileSystemModel
import Glibc
import OutputConventions
import Testing

@testable import OutputTree

/// What a `find` over many files costs for as long as the kernel remembers them. Measured in processes of their own.
@Suite struct NodeMemoryTests {
    @Test(.timeLimit(.minutes(2))) func `a known file takes at most 160 bytes, and they come back`() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let table = NodeTable(unsent: UnsentFiles())
            // The first few are dearer: what Swift and the table need once.
            let first = lookUpFiles(0..<1000, in: table)
            let count = 100_000
            let before = residentBytes()
            let ids = lookUpFiles(1000..<1000 + count, in: table)
            // The ids are the test's own.
            let growth = residentBytes() - before - ids.count * MemoryLayout<NodeID>.stride
            print("measured: \(growth / count) bytes for each of \(count) files")
            try #require(growth / count <= 160)
            #expect(table.count == count + first.count + 2)
            for id in ids { table.forget(id, count: 1) }
            try #require(table.count == first.count + 2)
            let left = residentBytes() - before - ids.count * MemoryLayout<NodeID>.stride
            print("measured: \(left) bytes left when they are forgotten")
            try #require(left < growth / 4)
        }
        show(result)
    }

    @Test(.timeLimit(.minutes(2))) func `looking up all again and again does not grow`() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let table = NodeTable(unsent: UnsentFiles())
            var after: [Int] = []
            for _ in 0..<4 {
                // Looked up again before the first lookups are forgotten, as readdir does.
                let ids = lookUpFiles(0..<30_000, in: table) + lookUpFiles(0..<30_000, in: table)
                after.append(residentBytes())
                for id in ids { table.forget(id, count: 1) }
                try #require(table.count == 2)
            }
            print("measured: \(after.map { $0 >> 10 }) KiB after each time")
            try #require(after[3] < after[0] + (1 << 20))
        }
        show(result)
    }

    @Test(.timeLimit(.minutes(2))) func `a known directory takes at most 300 bytes`() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let table = NodeTable(unsent: UnsentFiles())
            let before = residentBytes()
            // Three for each of 10,000 tasks, as `find jobs/<job>` looks them up.
            for task in 0..<10_000 {
                let name = "task-\(task)"
                for place in [
                    TreePlace.task(container: "job-0123456789abcdef", task: name),
                    .folder(.jobs, container: "job-0123456789abcdef", prefix: name + "/$TaskOutput/"),
                    .folder(.jobs, container: "job-0123456789abcdef", prefix: name + "/$TaskLog/"),
                ] { _ = table.lookUp(directory: place, facts: nil) }
            }
            let each = (residentBytes() - before) / 30_000
            print("measured: \(each) bytes for each of 30,000 directories")
            try #require(each <= 300)
        }
        show(result)
    }

    @Test(.timeLimit(.minutes(2))) func `objects of files that were used are let go`() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let table = NodeTable(unsent: UnsentFiles())
            let count = 50_000
            let ids = lookUpFiles(0..<count, in: table)
            let before = residentBytes()
            for id in ids { _ = table.file(id) }
            try #require(table.liveCount < 2000)
            let growth = residentBytes() - before
            print("measured: \(growth >> 10) KiB more after each of \(count) files was used")
            try #require(growth < 8 << 20)
        }
        show(result)
    }
}

private func show(_ result: ExitTest.Result?) {
    guard let output = result?.standardOutputContent else { return }
    for line in String(decoding: output, as: UTF8.self).split(separator: "\n") where line.hasPrefix("measured: ") {
        print(line)
    }
}

/// As `find` over a job does: a hundred files to a directory, with ETags and MD5s as the service has them.
private func lookUpFiles(_ numbers: Range<Int>, in table: NodeTable) -> [NodeID] {
    var ids: [NodeID] = []
    ids.reserveCapacity(numbers.count)
    for number in numbers {
        let facts = FileFacts(
            BlobProperties(
                version: BlobVersion(etag: ETag("\"0x8DE0123456\(number)\""), lastModified: 1_794_389_400),
                length: UInt64(number),
                contentMD5: "1B2M2Y8AsgTpgAmY7PhCfg=="
            )
        )
        let name = "task-\(number / 100)/$TaskOutput/file-\(number).txt"
        let address = BlobAddress(container: "job-0123456789abcdef", name: name)
        guard case .dormant(let id, _, _, _, _) = table.lookUp(file: address, facts: facts, startedAt: .seconds(1))
        else { continue }
        ids.append(id)
    }
    return ids
}

/// What the process holds of the machine's memory: the second field of statm, in pages of 4 KiB.
private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var (total, resident) = (0, 0)
    withUnsafeMutablePointer(to: &total) { total in
        withUnsafeMutablePointer(to: &resident) { resident in
            _ = withVaList([total, resident]) { vfscanf(file, "%ld %ld", $0) }
        }
    }
    return resident * 4096
}
