internal import BlobStorage
internal import BlobWriting
internal import FuseBinding
internal import Glibc
internal import LocalStore
internal import Logging

/// What `outputfs recover` found in a journal: every entry is claimed, so that no mount works on it meanwhile.
struct RecoverySession {
    let directory: String
    let files: [RecoveredFile]
    /// Deletes and renames that were promised, or begun, and not done.
    let names: [RecoveredName]
    let unreadable: [RecoveredFile.Unreadable]
    let problems: [LocalStoreError]
    /// Folders of mounts that live, which are left alone.
    let livingCount: Int
    /// Whose bytes each unreadable entry has, to be discarded.
    private let entries: [String: JournalEntry]

    init(directory: String) throws(CommandFailure) {
        self.directory = directory
        var status = stat()
        guard stat(directory, &status) == 0 else {
            throw CommandFailure(.notFound, "there is no journal in \(directory)", try: "--journal-dir")
        }
        let found: JournalSurvivors
        let threads = WorkerThreads(name: "journal", count: 1)
        do throws(LocalStoreError) {
            found = try JournalDirectory(path: directory, owner: "", threads: threads).survivors { _ in true }
        } catch { throw CommandFailure(.cannotCreate, "the journal: \(error)") }
        var (files, unreadable): ([RecoveredFile], [RecoveredFile.Unreadable]) = ([], [])
        var entries: [String: JournalEntry] = [:]
        var names: [RecoveredName] = []
        for entry in found.entries {
            entries[entry.name] = entry.entry
            if let name = RecoveredName(entry, threads: threads) {
                names.append(name)
                continue
            }
            do throws(RecoveredFile.Unreadable) {
                let file = try RecoveredFile(entry)
                if file.duty == .none { file.entry.remove() } else { files.append(file) }
            } catch { unreadable.append(error) }
        }
        (self.files, self.unreadable, self.entries) = (files, unreadable, entries)
        self.names = names
        (problems, livingCount) = (found.problems, found.livingFolders.count)
    }

    // MARK: --list

    func table(now: Int) -> String {
        var table = TextTable([("ID", .left), ("SIZE", .right), ("AGE", .right), ("FILE", .left), ("STATE", .left)])
        for file in files {
            let age = file.replay.dueSince.map { HumanUnits.age(seconds: max(0, now - Int($0))) } ?? ""
            let blob = "\(file.owner) \(file.replay.identity.blob)"
            table.add([file.name, HumanUnits.bytes(file.size), age, blob, Self.state(of: file)])
        }
        for name in names { table.add([name.name, "", "", "\(name.owner) \(name.subject)", name.state]) }
        for file in unreadable {
            table.add([file.name, HumanUnits.bytes(file.size), "", file.dataPath, file.reason])
        }
        var lines = problems.map { "\($0)" }
        if livingCount > 0 {
            lines.append("\(livingCount) mount\(livingCount == 1 ? "" : "s") at work here: see outputfs status")
        }
        if files.isEmpty, names.isEmpty, unreadable.isEmpty {
            lines.insert("Nothing waits in \(directory).", at: 0)
        } else {
            lines.insert(table.text, at: 0)
        }
        return lines.joined(separator: "\n")
    }

    static func state(of file: RecoveredFile) -> String {
        switch file.duty {
        case .none: "in the store"
        case .publish: "closed, to be uploaded"
        case .offer(let reason): reason
        }
    }

    // MARK: --discard

    func discard(_ names: [String]) throws(CommandFailure) {
        for name in names {
            guard let entry = entries[name] else { throw missing(name) }
            entry.remove()
        }
    }

    // MARK: Uploading

    /// Those with these names over whatever is there; without names all that were closed, where nothing is in the way.
    func upload(to source: StorageSource, named names: [String]) throws(CommandFailure) {
        var chosen: [RecoveredFile] = []
        for name in names {
            guard let file = files.first(where: { $0.name == name }) else { throw missing(name) }
            chosen.append(file)
        }
        let mayReplace = !names.isEmpty
        if !mayReplace { chosen = files.filter { $0.duty == .publish } }
        let logger = Logger(label: "recover") { _ in SwiftLogNoOpLogHandler() }
        let uploads = try Composition.uploads(to: source, journalDirectory: directory, logger)
        var left = mayReplace ? [] : carryOutNames(to: source, uploads)
        for file in RecoveredFile.joined(chosen) {
            let blob = file.replay.identity.blob
            guard file.owner.utf8.elementsEqual(source.journalOwner.utf8) else {
                left.append("  \(blob): it is for \(file.owner)")
                continue
            }
            let reason = PlainThread.wait { await Self.upload(file, uploads, mayReplace: mayReplace) }
            if let reason { left.append("  \(blob): \(reason)") } else { Terminal.print("\(blob) is in the store") }
        }
        if !mayReplace {
            for file in files where file.duty != .publish {
                left.append("  \(file.replay.identity.blob): \(Self.state(of: file))")
            }
        }
        left += unreadable.map { "  \($0.dataPath): \($0.reason)" }
        guard left.isEmpty || mayReplace && left.count == unreadable.count else {
            throw CommandFailure(
                .notUploaded,
                (["not uploaded:"] + left).joined(separator: "\n"),
                try: "outputfs recover --list; then --export, --publish or --discard"
            )
        }
    }

    /// Why it is not in the store; `nil` when it is.
    private static func upload(_ file: RecoveredFile, _ uploads: UploadScheduler, mayReplace: Bool) async -> String? {
        let local = DirtyFile(scheduler: uploads, recovered: file)
        do throws(StorageError) {
            let condition: VersionCondition
            switch try await local.judge(known: file.replay.identity.known) {
            case .done:
                settle(file, local)
                return nil
            case .upload(let found): condition = found
            case .conflict(let reason):
                guard mayReplace else {
                    await local.keepInJournal(reason)
                    return reason
                }
                condition = try await version(of: local.blob, in: uploads.store)
            }
            let headers = file.replay.headers ?? BlobHeaders()
            do throws(CommitError) { _ = try await local.commit(headers: headers, condition: condition) } catch {
                await local.keepInJournal(nil)
                return error.description
            }
            settle(file, local)
            return nil
        } catch { return error.description }
    }

    /// What somebody who decided so wants to be replaced: the version that is there now, and none that comes later.
    private static func version(
        of blob: BlobAddress,
        in store: any BlobStore
    ) async throws(StorageError) -> VersionCondition {
        do throws(StorageError) { return .matches(try await store.properties(of: blob).version.etag) } catch {
            guard error.kind == .notFound else { throw error }
            return .vacant
        }
    }

    /// It is in the store. A mount leaves it to a thread to remove the entry; this process may end at any moment.
    private static func settle(_ file: RecoveredFile, _ local: DirtyFile) {
        file.entry.remove()
        local.discard()
    }

    private func missing(_ name: String) -> CommandFailure {
        CommandFailure(
            .notFound,
            "the journal has no '\(name)', or a mount works on it",
            try: "outputfs recover --list"
        )
    }
}
