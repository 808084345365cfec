extension DataDirectory {
    /// A service over what the directory holds; the directory is unlocked again if it cannot be had.
    func openService(
        keys: [String: [UInt8]],
        hierarchical: Set<String>,
        clock: EmulatorClock,
        faults: FaultScript
    ) throws(EmulatorError) -> Service {
        do throws(EmulatorError) {
            return try readBack(keys: keys, hierarchical: hierarchical, clock: clock, faults: faults)
        } catch {
            unlock()
            throw error
        }
    }

    private func readBack(
        keys: [String: [UInt8]],
        hierarchical: Set<String>,
        clock: EmulatorClock,
        faults: FaultScript
    ) throws(EmulatorError) -> Service {
        guard let content = ContentDirectory(path: path + "/content") else {
            throw .dataDirectory(path: path, reason: "cannot be written: \(errnoText())")
        }
        let recovered = try recover(content: content)
        // Accounts that are no longer configured keep their data: they are read back, and served to nobody.
        let names = Set(keys.keys).union(recovered.changes.map(\.account))
        let journal = JournalDoor()
        let accounts = names.reduce(into: [String: AccountState]()) { accounts, name in
            accounts[name] = AccountState(
                name: name,
                key: keys[name] ?? [],
                isHierarchical: hierarchical.contains(name),
                journal: journal
            )
        }
        for entry in recovered.changes { accounts[entry.account]?.replay(container: entry.container, entry.change) }
        let opened = try openJournal(
            recovered,
            live: { accounts.values.flatMap { account in account.changes() } },
            content: content
        )
        journal.open(opened)
        return Service(
            accounts: accounts.filter { keys[$0.key] != nil },
            clock: clock,
            etags: ETagSource(after: recovered.lastTicks),
            content: ContentStore(directory: content, lastID: recovered.lastExtentID),
            journal: opened,
            faults: faults
        )
    }
}

extension AccountState {
    /// The steps that lead from nothing to what there is now.
    func changes() -> [(account: String, container: String, change: Change)] {
        let retention = retentionDays.map { [(name, "", Change.retention(days: $0))] } ?? []
        return retention
            + all().flatMap { container in
                container.changes().map { (name, container.name, $0) }
            }
    }
}

extension Container {
    fileprivate func changes() -> [Change] {
        let changes = try? withState { (state) throws(Failure) in
            var changes: [Change] = [.container(state.properties)]
            var position = state.blobs.start
            while let (name, node) = state.blobs[position] {
                for snapshot in node.snapshots { changes.append(.snapshot(name, snapshot.time, snapshot.blob)) }
                if let blob = node.deleted { changes.append(.softDeleted(name, blob)) }
                if let blob = node.current { changes.append(.blob(name, blob)) }
                for (id, content) in node.staged?.blocks ?? [:] { changes.append(.staged(name, id: id, content)) }
                if node.lease != Lease() { changes.append(.lease(name, node.lease)) }
                position = state.blobs.position(after: position)
            }
            return changes
        }
        return changes ?? []
    }
}
