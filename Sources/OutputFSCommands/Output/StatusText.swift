internal import OutputTree

/// `outputfs status` for people.
extension StatusReport {
    /// One line a mount.
    func table(now: Int) -> String {
        guard !isEmpty else { return "Nothing is mounted. Try: outputfs mount --help, or outputfs demo" }
        var table = TextTable([
            ("MOUNT POINT", .left), ("UP", .right), ("UNSENT", .right), ("ERRORS", .right), ("CACHED", .right),
            ("SOURCE", .left),
        ])
        for mount in mounts {
            table.add([
                mount.mountPoint, HumanUnits.age(seconds: now - mount.mountedAt), "\(mount.tree.pendingFiles.count)",
                "\(mount.tree.errors.count)", HumanUnits.bytes(mount.cache.resident), mount.source,
            ])
        }
        for mount in silent { table.add([mount.mountPoint, "-", "-", "-", "-", mount.reason]) }
        return table.text
    }

    /// Everything of the mounts that are left after filtering.
    func details(now: Int) -> String {
        (mounts.map { $0.details(now: now) } + silent.map { "\($0.mountPoint): \($0.reason)" })
            .joined(separator: "\n\n")
    }
}

extension MountStatus {
    /// Facts, then unsent files, then the last errors.
    func details(now: Int) -> String {
        var sections = [facts(now: now)]
        if tree.pendingFiles.isEmpty {
            sections.append("Everything is in the store.")
        } else {
            sections.append("Not in the store yet:\n" + indented(pendingTable))
        }
        if !tree.errors.isEmpty { sections.append("Last errors:\n" + indented(errorTable(now: now))) }
        return sections.joined(separator: "\n\n")
    }

    private func facts(now: Int) -> String {
        var table = TextTable([(mountPoint, .left), (source, .left)])
        let access = isReadOnly ? "read-only" : "read-write"
        table.add(["  state", "\(state.rawValue), \(access), for \(HumanUnits.age(seconds: now - mountedAt))"])
        table.add(["  process", "\(processID) (outputfs \(programVersion))"])
        table.add(["  log", logFile ?? "stderr"])
        table.add(["  spool", spoolDirectory])
        table.add([
            "  cache",
            "\(HumanUnits.bytes(cache.resident)) of \(HumanUnits.bytes(cache.budget)); "
                + "reads: \(cache.hits) from memory, \(cache.misses) from the store",
        ])
        table.add([
            "  uploads",
            "\(uploads.filesCommitted) files with \(HumanUnits.bytes(uploads.bytesCommitted)) committed; "
                + "now \(uploads.blocksInFlight) blocks on their way, \(uploads.commitsRunning) commits",
        ])
        table.add([
            "  store",
            "\(HumanUnits.bytes(store.bytesReceived)) received, \(HumanUnits.bytes(store.bytesSent)) sent; "
                + "\(store.retries) retries, \(store.failures) failures",
        ])
        let requests = store.requests.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        table.add(["  requests", requests.map { "\($0.key) \($0.value)" }.joined(separator: ", ")])
        table.add(["  tree", "\(tree.knownNodes) nodes known, \(tree.openHandles) handles open"])
        table.add(["  kernel", "\(kernelRequests.values.reduce(0, +)) requests, \(kernelRequestsWaiting) waiting"])
        return table.text
    }

    private var pendingTable: String {
        var table = TextTable([("SIZE", .right), ("STATE", .left), ("FILE", .left), ("LAST ERROR", .left)])
        for file in tree.pendingFiles {
            let attempts = file.failedAttempts
            let state = file.isOpen ? "open" : attempts == 0 ? "sending" : "failed \(attempts)x"
            table.add([HumanUnits.bytes(file.size), state, file.path, file.lastError ?? ""])
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

    private func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    }
}
