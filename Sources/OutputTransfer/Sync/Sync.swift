internal import BlobStorage
internal import BlobWriting
internal import LocalStore
internal import OutputConventions
internal import Synchronization

/// Makes a local folder and a directory of the tree alike: changed files only, judged by content and version.
package final class Sync: Sendable {
    package struct Options: Sendable {
        package var isDryRun = false
        /// Modes go along; times and links always do.
        package var usesPosixMetadata = true
        /// Requests in flight.
        package var jobs = 16

        package init() {}
    }

    private let tree: StoreTree
    private let folder: String
    private let target: UploadTarget
    private let direction: SyncDirection
    private let options: Options
    private let report: @Sendable (TransferEvent, SyncDecision) -> Void
    private let requests: AsyncLimiter
    private let disk = WorkerThreads(name: "sync", count: 4)
    private let state: Mutex<State>

    private struct State {
        var counters = TransferCounters()
        var memory: SyncMemory
    }

    /// One name on both sides.
    private struct Pair: Sendable {
        let name: String
        var local: ArtifactFolder.File?
        var remote: TreeFile?
        /// Why it cannot be sent.
        var obstacle: String?

        /// Of the side that goes over.
        func byteCount(of decision: SyncDecision) -> UInt64 {
            let sent = local.map { UInt64($0.byteCount) }
            let fetched = remote?.properties.length
            return (decision == .upload ? sent ?? fetched : fetched ?? sent) ?? 0
        }
    }

    /// - Parameters:
    ///   - folder: is there.
    ///   - remote: what the target is, for people and for the next time: it must name the account, too.
    package init(
        tree: StoreTree,
        folder: String,
        target: UploadTarget,
        remote: String,
        direction: SyncDirection,
        options: Options,
        report: @escaping @Sendable (TransferEvent, SyncDecision) -> Void
    ) throws {
        (self.tree, self.folder, self.target) = (tree, try LocalFolder.resolved(folder), target)
        (self.direction, self.options, self.report) = (direction, options, report)
        requests = AsyncLimiter(options.jobs)
        state = Mutex(State(memory: try SyncMemory.load(from: self.folder, remote: remote)))
    }

    package var counters: TransferCounters { state.withLock { $0.counters } }

    /// A file that fails, or is in conflict, is reported and counted as failed, and the others go on.
    package func run() async throws {
        let pairs = try await pairs()
        state.withLock { state in
            state.counters.found = pairs.count
            state.counters.foundBytes = pairs.reduce(0) { sum, pair in
                sum + max(UInt64(pair.local?.byteCount ?? 0), pair.remote?.properties.length ?? 0)
            }
            state.counters.isListed = true
        }
        if !options.isDryRun, pairs.contains(where: { $0.local != nil && $0.remote == nil }), direction != .download {
            try await tree.makeContainer(of: target)
        }
        defer { if !options.isDryRun { try? state.withLock { $0.memory }.save(to: folder) } }
        await withDiscardingTaskGroup { group in
            let room = AsyncLimiter(2 * options.jobs)
            for pair in pairs {
                if Task.isCancelled { break }
                await room.acquire()
                group.addTask { [self] in
                    await settle(pair)
                    room.release()
                }
            }
        }
        try Task.checkCancellation()
        // What the files did not say: that the memory of them cannot be kept.
        if !options.isDryRun { try state.withLock { $0.memory }.save(to: folder) }
    }

    // MARK: What there is

    private func pairs() async throws -> [Pair] {
        let folder = folder
        let (files, problems) = try await disk.perform {
            var problems: [LocalFileError] = []
            let files = try ArtifactFolder(all: folder, keepsLinks: true).files { problems.append($0) }
            return (files, problems)
        }
        // Sockets, links that lead nowhere, folders that may not be read: the others are not theirs to hold up.
        for problem in problems where direction != .download { fail(problem) }
        var pairs: [NameBytes: Pair] = [:]
        for file in files where !Self.isOwn(file.relativePath) {
            pairs[NameBytes(file.relativePath)] = Pair(name: file.relativePath, local: file)
        }
        let remote = FoundFiles()
        do {
            try await tree.walk(target.place) { file in remote.add(file.path, file) }
        } catch let error as StorageError where error.kind == .notFound && direction != .download {
            // The container is yet to be made.
        }
        let found = remote.sorted
        for file in found { pairs[NameBytes(file.name), default: Pair(name: file.name)].remote = file }
        note(FilesAndFolders(found.map(\.name)), in: &pairs)
        return pairs.values.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// A blob beside what is below its name, or below a blob, would be out of reach by its path.
    private func note(_ there: FilesAndFolders, in pairs: inout [NameBytes: Pair]) {
        for (name, pair) in pairs where pair.local != nil && pair.remote == nil {
            pairs[name]?.obstacle = there.obstacle(to: name.text)
        }
    }

    private func fail(_ problem: LocalFileError) {
        state.withLock { $0.counters.failed += 1 }
        let event = TransferEvent(source: problem.path, target: "", byteCount: 0, kind: .failed(problem.reason))
        report(event, .nothing)
    }

    /// The memory, and what is half there of earlier tries.
    private static func isOwn(_ path: String) -> Bool {
        let last = path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? ""
        return last.hasPrefix(SyncMemory.fileName)
            || last.hasPrefix(NodeTurn.prefix) || last.hasPrefix(".") && last.hasSuffix(PartFile.suffix)
    }

    // MARK: One name

    private func settle(_ pair: Pair) async {
        var decision = SyncDecision.nothing
        func event(_ kind: TransferEvent.Kind) -> TransferEvent {
            TransferEvent(
                source: pair.name,
                target: "/" + (target.path + [pair.name]).joined(separator: "/"),
                byteCount: pair.byteCount(of: decision),
                kind: kind
            )
        }
        do {
            try Task.checkCancellation()
            let known = state.withLock { $0.memory.files[NameBytes(pair.name)] }
            let local = try await look(at: pair.local, known)
            let remote = pair.remote.map {
                SyncDecision.Remote(
                    byteCount: $0.properties.length,
                    md5: $0.properties.contentMD5,
                    etag: $0.properties.version.etag.text
                )
            }
            let base = known.map { SyncDecision.Base(md5: $0.md5, etag: $0.etag) }
            decision = SyncDecision(direction, local: local?.side, remote: remote, base: base)
            if decision == .upload, let obstacle = pair.obstacle { decision = .conflict(obstacle) }
            if options.isDryRun {
                if case .conflict(let reason) = decision { throw SyncConflict(reason: reason) }
                return report(event(decision == .upload || decision == .download ? .planned : .kept), decision)
            }
            try await carryOut(decision, pair, local)
            let isMoved = decision == .upload || decision == .download
            state.withLock { state in
                if isMoved { state.counters.done += 1 } else { state.counters.kept += 1 }
                if !isMoved { state.counters.doneBytes += event(.kept).byteCount }
            }
            report(event(isMoved ? .done : .kept), decision)
        } catch {
            if Task.isCancelled { return }
            state.withLock { $0.counters.failed += 1 }
            report(event(.failed("\(error)")), decision)
        }
    }

    /// A local file with what tells its content.
    private struct LocalLook: Sendable {
        let source: SourceFile
        /// Below the folder.
        let names: [String]
        let side: SyncDecision.Local
    }

    private func look(at file: ArtifactFolder.File?, _ known: SyncMemory.File?) async throws -> LocalLook? {
        guard let file else { return nil }
        return try await disk.performInterruptibly { flag throws(LocalFileError) in
            let source = try SourceFile(file)
            let isKnown =
                known.map { $0.byteCount == source.byteCount && $0.modified == source.modifiedNanoseconds } ?? false
            let md5: String
            if let known, isKnown { md5 = known.md5 } else { md5 = try source.md5(unless: flag) }
            return LocalLook(source: source, names: file.names, side: .init(byteCount: source.byteCount, md5: md5))
        }
    }

    private func carryOut(_ decision: SyncDecision, _ pair: Pair, _ local: LocalLook?) async throws {
        switch decision {
        case .nothing: break
        case .alike:
            if let local, let remote = pair.remote { remember(pair.name, local, etag: remote.properties.version.etag) }
        case .conflict(let reason): throw SyncConflict(reason: reason)
        case .upload:
            guard let local else { return }
            let address = try pair.remote?.address ?? target.blob(local.names)
            let upload = FileUpload(
                store: tree.store,
                address: address,
                source: local.source,
                bodies: requests,
                disk: disk
            ) { [self] count in progressed(count) }
            let headers = local.source.headers(for: address, hasPermissions: options.usesPosixMetadata)
            let condition = pair.remote.map { VersionCondition.matches($0.properties.version.etag) } ?? .absent
            remember(pair.name, local, etag: try await upload.run(headers, condition).etag)
        case .download:
            guard let remote = pair.remote else { return }
            try await fetch(remote, pair, replacing: local)
        }
    }

    private func fetch(_ remote: TreeFile, _ pair: Pair, replacing local: LocalLook?) async throws {
        let path = LocalFolder.joined(folder, pair.name)
        try await disk.perform { () throws(LocalFileError) in try LocalFolder.make(LocalFolder.parent(of: path)) }
        let download = FileDownload(
            store: tree.store,
            address: remote.address,
            target: path,
            root: folder,
            policy: .always,
            validates: true,
            usesPosixMetadata: options.usesPosixMetadata,
            ranges: requests,
            disk: disk,
            mayReplace: { () throws(LocalFileError) in
                guard let source = local?.source else { return try SourceFile.requireNothing(at: path) }
                try source.requireInPlace(isLink: pair.local?.isLink ?? false)
            }
        ) { [self] count in progressed(count) }
        _ = try await download.run(remote.properties)
        let isLink = LocalFolder.isLink(path)
        let now = ArtifactFolder.File(localPath: path, relativePath: pair.name, byteCount: 0, isLink: isLink)
        let fetched = try await look(at: now, nil)
        if let fetched { remember(pair.name, fetched, etag: remote.properties.version.etag) }
    }

    private func progressed(_ count: Int) {
        state.withLock { $0.counters.doneBytes = UInt64(max(0, Int($0.counters.doneBytes) + count)) }
    }

    private func remember(_ name: String, _ local: LocalLook, etag: ETag) {
        let file = SyncMemory.File(
            byteCount: local.side.byteCount,
            modified: local.source.modifiedNanoseconds,
            md5: local.side.md5,
            etag: etag.text
        )
        state.withLock { $0.memory.files[NameBytes(name)] = file }
    }
}

/// Both sides of a name differ, and neither is to be lost.
struct SyncConflict: Error, CustomStringConvertible {
    let reason: String
    var description: String { "conflict: \(reason); neither side was touched" }
}
