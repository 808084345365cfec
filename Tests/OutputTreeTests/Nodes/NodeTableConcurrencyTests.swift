import BlobStorage
import FileSystemModel
import FileSystemSuite
import TestSupport
import Testing

@testable import OutputTree

@Suite struct NodeTableConcurrencyTests {
    /// Four threads look up, use and forget the same few files; what each counted, each gives back.
    @Test(.timeLimit(.minutes(5))) func `threads that look up and forget the same files leave nothing behind`()
        async throws
    {
        let table = NodeTable(unsent: UnsentFiles(), liveCountMax: 2)
        let seed = testSeed()
        let problems = try await withThrowingTaskGroup(of: [String].self) { group in
            for thread in 0..<4 {
                group.addTask {
                    try await onOwnThread { lookUpAndForget(in: table, SeededRandom(seed: seed &+ UInt64(thread))) }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(problems == [])
        #expect(table.count == 2)
        #expect(table.liveCount == 0)
    }
}

private func lookUpAndForget(in table: NodeTable, _ seeded: SeededRandom) -> [String] {
    var random = seeded
    var problems: [String] = []
    var counted: [NodeID] = []
    for _ in 0..<8000 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
            let name = "d\(Int.random(in: 0..<3, using: &random))/f\(Int.random(in: 0..<4, using: &random))"
            let facts = FileFacts(
                BlobProperties(version: BlobVersion(etag: ETag("\"0x1\""), lastModified: 1), length: 1)
            )
            let address = BlobAddress(container: "c", name: name)
            let node = table.lookUpNode(file: address, facts: facts, startedAt: .seconds(1))
            if node.address != address { problems.append("\(address) is \(node.address)") }
            counted.append(node.id)
        case 2:
            guard let id = counted.randomElement(using: &random) else { continue }
            let (one, other) = (table.file(id), table.file(id))
            if one == nil || one !== other { problems.append("\(id) has two objects, or none") }
        default:
            guard let index = counted.indices.randomElement(using: &random) else { continue }
            table.forget(counted.remove(at: index), count: 1)
        }
    }
    for id in counted { table.forget(id, count: 1) }
    return problems
}
