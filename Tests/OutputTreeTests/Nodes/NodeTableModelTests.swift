import BlobStorage
import FileSystemModel
import TestSupport
import Testing

@testable import OutputTree

/// Random stories of lookups, forgets, renames and held objects against plain dictionaries.
@Suite struct NodeTableModelTests {
    private struct File {
        var address: BlobAddress
        /// `nil` while nothing is in the store.
        var facts: FileFacts?
        var learnedAt: Int
        var inode: UInt64
        var lookups: UInt64 = 1
        var hasPages = false
    }

    /// What the table should know.
    private struct Model {
        var files: [NodeID: File] = [:]
        var index: [BlobAddress: NodeID] = [:]
        var held: [NodeID: FileNode] = [:]
        /// The inode number of what replaced others at an address, and those others, as long as there are any.
        var successors: [BlobAddress: (inode: UInt64, predecessors: Set<NodeID>)] = [:]

        mutating func dropUnused() {
            for (id, file) in files where file.lookups == 0 && held[id] == nil && file.facts != nil {
                if index[file.address] == id { index[file.address] = nil }
                files[id] = nil
                for address in successors.keys { successors[address]?.predecessors.remove(id) }
            }
            successors = successors.filter { !$0.value.predecessors.isEmpty }
        }
    }

    private let table = NodeTable(unsent: UnsentFiles(), liveCountMax: 3)

    private func address(_ random: inout SeededRandom) -> BlobAddress {
        let directory = ["", "d/", "d/e/", "é/"].randomElement(using: &random) ?? ""
        let container = Bool.random(using: &random) ? "c" : "d"
        return BlobAddress(container: container, name: directory + "f\(Int.random(in: 0..<4, using: &random))")
    }

    private func facts(_ random: inout SeededRandom) -> FileFacts {
        FileFacts(
            BlobProperties(
                version: BlobVersion(etag: ETag("\"0x\(Int.random(in: 1...5, using: &random))\""), lastModified: 1),
                length: UInt64.random(in: 0...2, using: &random),
                type: Bool.random(using: &random) ? .append : .block,
                creationTime: 3,
                contentMD5: Bool.random(using: &random) ? "x" : nil
            )
        )
    }

    private func id(of file: KnownFile) -> NodeID {
        switch file {
        case .node(let node): node.id
        case .dormant(let id, _, _, _, _): id
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: 0..<6)
    func `the table knows what dictionaries know`(run: Int) {
        let seed = testSeed() &+ UInt64(run)
        var random = SeededRandom(seed: seed)
        var model = Model()
        for time in 1...1500 {
            step(time, &model, &random)
            // Looks again after what was held when it was forgotten.
            let count = table.count
            model.dropUnused()
            #expect(count == model.files.count + 2, "step \(time)")
            let problems = problems(model)
            #expect(problems == [], "step \(time)")
            guard problems.isEmpty else { return }
        }
        model.held = [:]
        for (id, file) in model.files {
            table.file(id)?.withState { $0.isPlacementPending = false }
            table.forget(id, count: file.lookups)
        }
        #expect(table.count == 2)
        #expect(table.liveCount == 0)
    }

    private func step(_ time: Int, _ model: inout Model, _ random: inout SeededRandom) {
        let anyID = model.files.keys.sorted { $0.rawValue < $1.rawValue }.randomElement(using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<4: lookUp(time, &model, &random)
        case 4..<7:
            guard let id = anyID, let file = model.files[id], file.lookups > 0 else { return }
            let count = UInt64.random(in: 1...file.lookups, using: &random)
            table.forget(id, count: count)
            model.files[id]?.lookups -= count
        case 7: if let id = anyID { model.held[id] = table.file(id) }
        case 8: model.held[model.held.keys.sorted { $0.rawValue < $1.rawValue }.first ?? .root] = nil
        case 9:
            guard let id = anyID, let file = model.files[id], model.index[file.address] == id else { return }
            move(id, to: address(&random), &model)
        case 10:
            guard let id = anyID, let facts = model.files[id]?.facts else { return }
            table.file(id)?.withState { $0.pageCacheVersion = facts.etag }
            model.files[id]?.hasPages = true
        default: insertOrCommit(time, &model, &random)
        }
    }

    private func lookUp(_ time: Int, _ model: inout Model, _ random: inout SeededRandom) {
        let (address, facts) = (address(&random), facts(&random))
        // An answer that comes late says nothing of what was learned since.
        let startedAt = max(0, time - Int.random(in: 0...3, using: &random))
        let id = id(of: table.lookUp(file: address, facts: facts, startedAt: .seconds(startedAt)))
        if let known = model.index[address], var file = model.files[known] {
            let isNews = file.facts != nil && startedAt >= file.learnedAt
            let relation = isNews ? file.facts?.relation(to: facts) ?? .same : .same
            if relation != .replaced {
                #expect(id == known)
                if isNews {
                    if relation == .grown { file.hasPages = false }
                    file.facts = facts
                    file.learnedAt = startedAt
                }
                file.lookups += 1
                model.files[known] = file
                return
            }
            let inode = StableInode.number(String(StableInode.number(of: address)), facts.etag.text)
            let others = model.successors[address]?.predecessors ?? []
            model.successors[address] = (inode, others.union([known]))
        }
        #expect(model.files[id] == nil)
        model.index[address] = id
        model.files[id] = File(
            address: address,
            facts: facts,
            learnedAt: startedAt,
            inode: model.successors[address]?.inode ?? StableInode.number(of: address)
        )
    }

    private func move(_ id: NodeID, to address: BlobAddress, _ model: inout Model) {
        guard let node = table.file(id), let file = model.files[id] else { return }
        table.move(node, to: address) { _ in }
        if model.index[file.address] == id { model.index[file.address] = nil }
        model.index[address] = id
        model.files[id]?.address = address
    }

    private func insertOrCommit(_ time: Int, _ model: inout Model, _ random: inout SeededRandom) {
        let unsent = model.files.filter { $0.value.facts == nil }.keys.sorted { $0.rawValue < $1.rawValue }
        guard let id = unsent.first, unsent.count > 2 else {
            let address = address(&random)
            var state = FileState(address: address, facts: nil, learnedAt: .seconds(time))
            state.isPlacementPending = true
            let node = table.insert(state)
            model.files[node.id] = File(
                address: address,
                facts: nil,
                learnedAt: time,
                inode: StableInode.number(of: address)
            )
            model.index[address] = node.id
            return
        }
        let facts = facts(&random)
        guard let node = table.file(id) else {
            Issue.record("an unsent file is gone")
            return
        }
        node.withState { file in
            file.isPlacementPending = false
            file.facts = facts
            file.learnedAt = .seconds(time)
        }
        table.settle(node)
        model.files[id]?.facts = facts
        model.files[id]?.learnedAt = time
    }

    /// What the table knows and the model does not, or the other way round.
    private func problems(_ model: Model) -> [String] {
        var problems: [String] = []
        for (id, file) in model.files {
            let isRight: Bool
            switch table.known(id) {
            case .file(.dormant(let known, let inode, let facts, let learnedAt, _)):
                isRight =
                    known == id && inode == file.inode && facts == file.facts && model.held[id] == nil
                    && learnedAt == .seconds(file.learnedAt)
            case .file(.node(let node)):
                let (facts, pages) = node.withState { ($0.facts, $0.pageCacheVersion) }
                isRight =
                    node.id == id && node.inode == file.inode && node.address == file.address && facts == file.facts
                    && pages == (file.hasPages ? file.facts?.etag : nil)
                    && (model.held[id] == nil || model.held[id] === node)
            default: isRight = false
            }
            if !isRight { problems.append("\(id) is not \(file)") }
        }
        for (address, id) in model.index where table.known(at: address).map(self.id) != id {
            problems.append("\(address) is not \(id)")
        }
        return problems
    }
}
