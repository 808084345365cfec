import BlobStorage
import OutputConventions
import Synchronization

/// What this mount did to names that a listing may not show yet.
///
/// A listing that began before a change was finished may or may not hold it, so the change is laid over every such
/// listing. Files that are not in the store yet stay until they are. Kept by blob name, not by path: a file written
/// through one view is there in the others as well.
final class LocalChanges: Sendable {
    enum FileChange: Sendable {
        /// A file of which this mount has something that the store has not.
        case present(FileNode)
        /// What the store has since this mount put it there.
        case stored(FileFacts, learnedAt: Duration)
        case absent
        /// Unlinked while open: the blob is still in the store, for those who read on.
        case held(FileNode)
    }

    enum FolderChange: Sendable {
        /// Made or changed here, or emptied here of its last blob and kept for a while, so that `rm -r` finds what it
        /// removes. With what its marker says, where this mount put that there.
        case present(Marker?)
        case absent
    }

    /// The blob that marks a directory.
    struct Marker: Sendable {
        let facts: FileFacts
        let storedAt: Duration
    }

    private struct Change<What: Sendable>: Sendable {
        var what: What
        var at: Duration
    }

    private struct Folder: Sendable {
        var files: [NameBytes: Change<FileChange>] = [:]
        var folders: [NameBytes: Change<FolderChange>] = [:]
        var isEmpty: Bool { files.isEmpty && folders.isEmpty }
    }

    private struct State {
        var folders: [BlobAddress: Folder] = [:]
        var containers: [String: Change<String?>] = [:]
        var changesSincePrune = 0
    }

    private let state = Mutex(State())
    /// How long a finished change is laid over listings at least: longer than any listing should take.
    private let keep: Duration
    /// Told of each blob, or directory by what its blobs' names begin with, that is not there any more.
    private let noteGone: @Sendable (BlobAddress) -> Void

    init(keep: Duration, noteGone: @escaping @Sendable (BlobAddress) -> Void = { _ in }) {
        (self.keep, self.noteGone) = (keep, noteGone)
    }

    // MARK: Recording

    /// Of a file that has nothing unsent, what the store has is kept and not its node: there may be many. With
    /// `holdsNode` it is the node, which then is the one of its blob as long.
    func record(file address: BlobAddress, _ change: FileChange, at now: Duration, holdsNode: Bool = false) {
        let kept = holdsNode ? change : change.withoutSentNode
        update(address, now) { folder in folder.files[.init(address.name)] = Change(what: kept, at: now) }
        switch change {
        case .present, .stored: recordDirectories(above: address, at: now)
        case .absent, .held: noteGone(address)
        }
    }

    /// The directories that a blob is in are there: with it they came, and for a while they outlive it.
    func recordDirectories(above address: BlobAddress, at now: Duration) {
        var name = Substring(address.name).utf8
        while let slash = name.lastIndex(of: UInt8(ascii: "/")) {
            name = name[..<slash]
            record(
                folder: BlobAddress(container: address.container, name: String(Substring(name))),
                .present(nil),
                at: now
            )
        }
    }

    /// The store knows better what the name is.
    func forget(file address: BlobAddress) {
        let parent = BlobAddress(container: address.container, name: Self.parentPrefix(of: address.name))
        state.withLock { _ = $0.folders[parent]?.files.removeValue(forKey: NameBytes(address.name)) }
    }

    /// As above, of a directory.
    func forget(folder address: BlobAddress) {
        let parent = BlobAddress(container: address.container, name: Self.parentPrefix(of: address.name))
        state.withLock { _ = $0.folders[parent]?.folders.removeValue(forKey: NameBytes(address.name)) }
    }

    /// Whether the store still has the blob of a file that was unlinked here.
    func holdsBlob(_ address: BlobAddress) -> Bool {
        guard case .held(let node) = file(address, since: .zero) else { return false }
        return node.withState { $0.isRemovalPending }
    }

    /// The blob of an unlinked file is gone, unless the name was given to another file meanwhile.
    func release(_ node: FileNode, _ address: BlobAddress, at now: Duration) {
        guard case .held(let holder) = file(address, since: .zero), holder === node else { return }
        record(file: address, .absent, at: now)
    }

    /// `folder.name` without the slash at its end.
    func record(folder address: BlobAddress, _ change: FolderChange, at now: Duration) {
        update(address, now) { folder in
            var change = change
            // A file in it says nothing of the marker, and takes nothing back.
            if case .present(nil) = change, case .present(let marker?) = folder.folders[.init(address.name)]?.what {
                change = .present(marker)
            }
            folder.folders[.init(address.name)] = Change(what: change, at: now)
        }
        if case .absent = change { noteGone(BlobAddress(container: address.container, name: address.name + "/")) }
    }

    func record(container: String, jobID: String?, at now: Duration) {
        state.withLock { $0.containers[container] = Change(what: jobID, at: now) }
    }

    private func update(_ address: BlobAddress, _ now: Duration, _ body: (inout Folder) -> Void) {
        let parent = BlobAddress(container: address.container, name: Self.parentPrefix(of: address.name))
        state.withLock { state in
            body(&state.folders[parent, default: Folder()])
            state.changesSincePrune += 1
            // Amortised: every 1,024 changes one walk over what is kept.
            guard state.changesSincePrune >= 1024 else { return }
            state.changesSincePrune = 0
            prune(&state, now)
        }
    }

    private func prune(_ state: inout State, _ now: Duration) {
        for (address, var folder) in state.folders {
            folder.files = folder.files.filter { _, change in
                Self.isRelevant(change, now - keep)
            }
            folder.folders = folder.folders.filter { now - $0.value.at < keep }
            state.folders[address] = folder.isEmpty ? nil : folder
        }
        state.containers = state.containers.filter { now - $0.value.at < keep }
    }

    // MARK: Asking

    /// What is known here of the blob, unless it is older than `since` and in the store.
    func file(_ address: BlobAddress, since: Duration) -> FileChange? {
        let parent = BlobAddress(container: address.container, name: Self.parentPrefix(of: address.name))
        guard let change = state.withLock({ $0.folders[parent]?.files[.init(address.name)] }) else { return nil }
        return Self.isRelevant(change, since) ? change.what : nil
    }

    /// Whether anything is known here of names in a listing of `prefix` by `/`.
    func hasChanges(in container: String, prefix: String) -> Bool {
        let parent = BlobAddress(container: container, name: Self.parentPrefix(of: prefix))
        return state.withLock { $0.folders[parent] != nil }
    }

    func folder(_ address: BlobAddress, since: Duration) -> FolderChange? {
        let parent = BlobAddress(container: address.container, name: Self.parentPrefix(of: address.name))
        guard let change = state.withLock({ $0.folders[parent]?.folders[.init(address.name)] }) else { return nil }
        return change.at >= since ? change.what.known(since: since) : nil
    }

    func container(_ name: String, since: Duration) -> Bool {
        state.withLock { $0.containers[name].map { $0.at >= since } ?? false }
    }

    func containers(since: Duration) -> [(name: String, jobID: String?)] {
        state.withLock { state in state.containers.filter { $0.value.at >= since }.map { ($0.key, $0.value.what) } }
    }

    /// The changes that a listing of `prefix` by `/` that began at `since` may lack.
    func changes(
        in container: String,
        prefix: String,
        since: Duration
    ) -> (files: [(name: String, FileChange)], folders: [(name: String, FolderChange)]) {
        let parent = BlobAddress(container: container, name: Self.parentPrefix(of: prefix))
        guard let folder = state.withLock({ $0.folders[parent] }) else { return ([], []) }
        let files = folder.files.compactMap { key, change in
            key.text.utf8.starts(with: prefix.utf8) && Self.isRelevant(change, since) ? (key.text, change.what) : nil
        }
        let folders = folder.folders.compactMap { key, change in
            key.text.utf8.starts(with: prefix.utf8) && change.at >= since
                ? (key.text, change.what.known(since: since)) : nil
        }
        return (files, folders)
    }

    private static func isRelevant(_ change: Change<FileChange>, _ since: Duration) -> Bool {
        switch change.what {
        case .present(let node) where node.hasUnsentContent: true
        case .held(let node) where node.withState({ $0.isRemovalPending }): true
        default: change.at >= since
        }
    }

    /// Up to and with the last slash.
    static func parentPrefix(of name: String) -> String {
        guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(name[...slash])
    }
}

extension LocalChanges.FileChange {
    fileprivate var withoutSentNode: LocalChanges.FileChange {
        guard case .present(let node) = self else { return self }
        return node.withState { file in
            guard !file.hasUnsentContent, let facts = file.facts else { return self }
            return .stored(facts, learnedAt: file.learnedAt)
        }
    }
}

extension LocalChanges.FolderChange {
    /// A listing that began after the marker was stored knows it better.
    fileprivate func known(since: Duration) -> LocalChanges.FolderChange {
        guard case .present(let marker?) = self, marker.storedAt < since else { return self }
        return .present(nil)
    }
}

/// A blob's name that is compared by its bytes.
struct NameBytes: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (one: NameBytes, other: NameBytes) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
