extension CacheState {
    /// What is wrong with the bookkeeping, for the tests; empty when all is well. Call it while no bytes are lent.
    func violations() -> [String] {
        pinViolations() + placeViolations() + referenceViolations() + waitingViolations() + savingViolations()
    }

    /// A cell is pinned for its fetch, for each read that waits with it, while it is saved, and before it has a place.
    private func pinViolations() -> [String] {
        var expected = [Int32](repeating: 0, count: cells.count)
        for fetch in fetches.ids.compactMap({ fetches[$0] }) {
            for cell in fetch.cells { expected[Int(cell)] += 1 }
        }
        for save in saves.ids.compactMap({ saves[$0] }) {
            for cell in save.cells { expected[Int(cell)] += 1 }
        }
        for read in reads.ids.compactMap({ reads[$0] }) {
            for cell in read.cells { expected[Int(cell)] += 1 }
        }
        for cells in unplaced.ids.compactMap({ unplaced[$0] }) {
            for cell in cells { expected[Int(cell)] += 1 }
        }
        return cells.indices.compactMap { cell in
            let actual = slabs.pinCount(Int32(cell))
            return actual == expected[cell] ? nil : "cell \(cell) has \(actual) pins instead of \(expected[cell])"
        }
    }

    /// The index and the cells say the same; no more is in use than what the index shows.
    private func placeViolations() -> [String] {
        var violations: [String] = []
        for cell in cells.indices where cells[cell].block >= 0 {
            let content = cells[cell]
            if index.cell(content.block, Int(content.slot)) != Int32(cell) { violations.append("cell \(cell) is lost") }
            if content.valid == 0, content.fetch < 0 { violations.append("cell \(cell) holds nothing") }
        }
        let unplacedCount = unplaced.ids.reduce(0) { $0 + (unplaced[$1]?.count ?? 0) }
        let used = cells.count(where: { $0.block >= 0 }) + unplacedCount
        if used != slabs.usedCount { violations.append("\(slabs.usedCount) cells in use, \(used) in the index") }
        let unread = cells.indices.count(where: { slabs.isUnread(Int32($0)) })
        if unread != slabs.unreadCount {
            violations.append("\(slabs.unreadCount) cells counted as unread, not \(unread)")
        }
        return violations
    }

    private func referenceViolations() -> [String] {
        var references: [Int32: Int] = [:]
        for fetch in fetches.ids.compactMap({ fetches[$0] }) { references[fetch.version, default: 0] += 1 }
        for read in reads.ids.compactMap({ reads[$0] }) { references[read.version, default: 0] += 1 }
        for block in Set(cells.lazy.filter { $0.block >= 0 }.map(\.block)) {
            references[index.version(of: block), default: 0] += 1
        }
        return versions.numbersInUse.compactMap { number in
            guard let version = versions[number] else { return "version \(number) is gone" }
            let expected = references[number, default: 0] + version.readerCount
            guard version.references != expected else { return nil }
            return "version \(number) has \(version.references) references instead of \(expected)"
        }
    }

    /// What is to be saved holds bytes, has a file to go to, and is counted with its version.
    private func savingViolations() -> [String] {
        var violations: [String] = []
        var unsaved: [Int32: Int] = [:]
        var count = 0
        for slab in 0..<Int32(cells.count / geometry.piecesPerBlock) {
            for cell in CellSet(first: slab * Int32(geometry.piecesPerBlock), bits: slabs.backlog.cells(in: slab)) {
                count += 1
                let content = cells[Int(cell)]
                if content.block < 0 || content.valid == 0 {
                    violations.append("cell \(cell) is to be saved and holds nothing")
                } else {
                    unsaved[index.version(of: content.block), default: 0] += 1
                }
            }
        }
        if count != slabs.backlog.cellCount {
            violations.append("\(count) unsaved cells, not \(slabs.backlog.cellCount)")
        }
        let underWay = saves.ids.compactMap { saves[$0] }
        for save in underWay { unsaved[save.version, default: 0] += save.cellCount }
        let saving = underWay.reduce(0) { $0 + $1.cellCount }
        if saving != savingCount { violations.append("\(saving) cells are being saved, not \(savingCount)") }
        for number in versions.numbersInUse {
            guard let version = versions[number] else { continue }
            let expected = unsaved[number, default: 0]
            if version.unsavedCount != expected {
                violations.append("version \(number) has \(version.unsavedCount) unsaved cells instead of \(expected)")
            }
            if expected > 0, version.file == nil { violations.append("version \(number) has no file to save to") }
            if expected == 0, version.readerCount == 0, version.file != nil {
                violations.append("version \(number) holds a file that nobody needs")
            }
        }
        return violations
    }

    /// A read waits for fetches that know it, or in line and then holds nothing.
    private func waitingViolations() -> [String] {
        let waitsInLine = Set(line)
        return reads.ids.compactMap { id in
            guard let read = reads[id] else { return nil }
            if waitsInLine.contains(id) {
                return read.cells.isEmpty && read.fetches.isEmpty ? nil : "a read holds cells and waits in line"
            }
            guard read.outstanding > 0, read.outstanding == read.fetches.count else {
                return "a read waits for \(read.outstanding) of \(read.fetches.count) fetches"
            }
            let isKnown = read.fetches.allSatisfy { fetches[$0]?.waiters.contains { $0.read == id } == true }
            return isKnown ? nil : "a read waits for a fetch that does not know it"
        }
    }
}
