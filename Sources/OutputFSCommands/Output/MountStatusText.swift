internal import OutputTree

/// `outputfs status MNT` for people. docs/OPERATIONS.md says how to read it.
extension MountStatus {
    /// What it is, what was read, written and asked for; then unsent files, then the last errors.
    func details(now: Int) -> String {
        var sections = [facts(now: now), reading, writing, requests]
        if let datastores, !datastores.isEmpty { sections.append(self.datastores(datastores)) }
        if !tree.keptFiles.isEmpty {
            sections.append("Kept in the journal (outputfs recover):\n" + indented(keptTable))
        }
        if tree.pendingFiles.isEmpty {
            sections.append("Everything is in the store.")
        } else {
            sections.append("Not in the store yet:\n" + indented(pendingTable(now: now)))
        }
        if !tree.errors.isEmpty { sections.append("Last errors:\n" + indented(errorTable(now: now))) }
        return sections.joined(separator: "\n\n")
    }

    private func facts(now: Int) -> String {
        let access = isReadOnly ? "read-only" : "read-write"
        return section(
            "\(mountPoint) shows \(source)",
            [
                ("state", "\(state.rawValue), \(access), for \(HumanUnits.age(seconds: now - mountedAt))"),
                ("process", "\(processID) (outputfs \(programVersion)), served by \(workerProcessID)\(lives)"),
                ("log", (logFile ?? "stderr") + (logLevel.map { ", from \($0) on" } ?? "")),
                ("credential", credential),
                ("tree", "\(tree.knownNodes) nodes known, \(tree.openHandles) handles open"),
            ]
        )
    }

    private var credential: String {
        guard let credentialRemaining else { return "no end is known" }
        return "good for \(HumanUnits.age(seconds: Int(credentialRemaining)))"
    }

    private var lives: String {
        guard restarts > 0 else { return "" }
        let last = lastEnd.map { "; the last one \($0)" } ?? ""
        return "; restarted \(restarts == 1 ? "once" : "\(restarts) times")\(last)"
    }

    private var reading: String {
        var rows = [
            ("programs read", "\(HumanUnits.bytes(cache.served)) in \(cache.hits + cache.misses) reads"),
            ("answered at once", "\(cache.hits) reads\(percent(cache.readHitRate, of: "of them"))"),
            ("from the store", HumanUnits.bytes(cache.fromStore) + hitRate),
        ]
        if diskCache != nil { rows.append(("from the disk", HumanUnits.bytes(cache.fromDisk))) }
        let waste = cache.readAhead > 0 ? Double(cache.readAheadWaste) / Double(cache.readAhead) : nil
        rows += [
            (
                "read ahead",
                "\(HumanUnits.bytes(cache.readAhead)); for nothing: "
                    + HumanUnits.bytes(cache.readAheadWaste) + percent(waste, of: "of that")
            ),
            ("memory", "\(HumanUnits.bytes(cache.resident)) of \(HumanUnits.bytes(cache.budget)) (--memory)"),
        ]
        if let disk = diskCache {
            rows.append(
                (
                    "disk cache",
                    "\(HumanUnits.bytes(disk.used)) of \(HumanUnits.bytes(disk.capacity)) in \(disk.directory) (--cache-dir)"
                )
            )
            rows.append(
                (
                    "",
                    "\(HumanUnits.bytes(disk.saved)) saved, \(HumanUnits.bytes(disk.waiting)) waiting, "
                        + "\(HumanUnits.bytes(disk.notSaved)) not saved in time, "
                        + "\(HumanUnits.bytes(disk.evicted)) evicted, \(disk.damaged) pieces damaged"
                )
            )
        } else {
            rows.append(("disk cache", "none (--cache-dir)"))
        }
        if passthroughOpens > 0 {
            rows.append(("passthrough", "\(passthroughOpens) opens, whose reads are not counted above"))
        }
        return section("Reading", rows)
    }

    private var hitRate: String {
        guard let rate = cache.byteHitRate else { return "" }
        return "; \(Self.percent(rate)) of what was read needed no fetching (the hit rate)"
    }

    private var writing: String {
        section(
            "Writing",
            [
                ("in the store", "\(uploads.filesCommitted) files with \(HumanUnits.bytes(uploads.bytesCommitted))"),
                (
                    "on their way",
                    "\(uploads.blocksInFlight) blocks, \(uploads.commitsRunning) commits, "
                        + "\(tree.pendingFiles.count) files not there yet"
                ),
                ("journal", "\(journalDirectory) (close waits for the \(durability == "journal" ? "disk" : "store"))"),
            ]
        )
    }

    private var requests: String {
        let byCount = store.requests.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let rows = byCount.map { ($0.key, "\($0.value)") }
        let asked = kernelRequests.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
        let total = store.requests.values.reduce(0, +)
        let sums = [
            ("bytes", "\(HumanUnits.bytes(store.bytesReceived)) received, \(HumanUnits.bytes(store.bytesSent)) sent"),
            (
                "trouble",
                "\(Self.count(store.retries, "retry", "retries")), \(Self.count(store.failures, "failure", "failures"))"
            ),
        ]
        return section("Requests to the store: \(total)", rows + sums) + "\n\n"
            + section(
                "Requests of the kernel: \(kernelRequests.values.reduce(0, +)), \(kernelRequestsWaiting) waiting",
                asked.isEmpty ? [] : [("by type", asked.joined(separator: ", "))]
            )
    }

    private func datastores(_ datastores: [DatastoreStatus]) -> String {
        section(
            "Datastores of other accounts",
            datastores.map { datastore in
                let store = datastore.store
                let end = datastore.credentialRemaining.map {
                    ", credential good for \(HumanUnits.age(seconds: Int($0)))"
                }
                return (
                    datastore.names.joined(separator: ", "),
                    "\(datastore.container): \(Self.count(store.requests.values.reduce(0, +), "request", "requests")), "
                        + "\(Self.count(store.failures, "failure", "failures"))\(end ?? "")"
                )
            }
        )
    }

    private var keptTable: String {
        var table = TextTable([("SIZE", .right), ("FILE", .left), ("WHY", .left)])
        for file in tree.keptFiles { table.add([HumanUnits.bytes(file.size), file.path, file.reason]) }
        return table.text
    }

    private func pendingTable(now: Int) -> String {
        var table = TextTable([
            ("SIZE", .right), ("AGE", .right), ("STATE", .left), ("FILE", .left), ("LAST ERROR", .left),
        ])
        for file in tree.pendingFiles {
            let attempts = file.failedAttempts
            let state = file.isOpen ? "open" : attempts == 0 ? "sending" : "failed \(attempts)x"
            let age = file.waitingSince.map { HumanUnits.age(seconds: max(0, now - Int($0))) } ?? ""
            table.add([HumanUnits.bytes(file.size), age, state, file.path, file.lastError ?? ""])
        }
        return table.text
    }

    private func errorTable(now: Int) -> String {
        var table = TextTable([("AGO", .right), ("OPERATION", .left), ("PATH", .left), ("WHY", .left)])
        for error in tree.errors.reversed() {
            let why = "\(error.message) (\(System.message(error.errno)))"
            table.add([HumanUnits.age(seconds: now - Int(error.time)), error.operation, error.path, why])
        }
        return table.text
    }

    /// A title, and below it names with values behind them, all in one column.
    private func section(_ title: String, _ rows: [(name: String, value: String)]) -> String {
        let lines = rows.map { row in
            "  " + row.name + String(repeating: " ", count: max(0, 20 - row.name.count)) + "  " + row.value
        }
        return ([title] + lines).joined(separator: "\n")
    }

    private func percent(_ part: Double?, of whole: String) -> String {
        part.map { ", \(Self.percent($0)) \(whole)" } ?? ""
    }

    /// `98 %`; never `100 %` or `0 %` of what is not all or nothing.
    static func percent(_ part: Double) -> String {
        let rounded = Int((part * 100).rounded())
        if rounded >= 100, part < 1 { return "99 %" }
        if rounded <= 0, part > 0 { return "1 %" }
        return "\(rounded) %"
    }

    private static func count(_ count: Int, _ one: String, _ many: String) -> String {
        "\(count) \(count == 1 ? one : many)"
    }

    private func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    }
}
