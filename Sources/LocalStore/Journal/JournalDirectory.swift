internal import Glibc
internal import Synchronization

/// The directory that holds, for all mounts of one user, the bytes that are not in the store yet. 0700.
///
/// Each process that writes has a folder of its own there and keeps it locked as long as it lives. What a dead one left
/// is taken over entry by entry: each by exactly one process, as it locks the entry's data file while it holds the
/// folder. A lock on the directory itself orders the moments in which folders are made, looked over and removed.
package final class JournalDirectory: Sendable {
    package let path: String
    /// Who the bytes are for: the account's endpoint, or a container's.
    private let owner: String
    private let threads: WorkerThreads
    private let gate: FileGate
    /// `nil`: nobody outlives this process.
    private let succession: JournalSuccession?
    private let folder = Mutex<JournalFolder?>(nil)

    /// Makes the directory, and its parents, unless it is there. `threads` do what may block, such as freeing a file.
    package convenience init(
        path: String,
        owner: String,
        threads: WorkerThreads,
        succession: JournalSuccession? = nil
    ) throws(LocalStoreError) {
        try self.init(path: path, owner: owner, threads: threads, succession: succession, gate: FileGate())
    }

    init(
        path: String,
        owner: String,
        threads: WorkerThreads,
        succession: JournalSuccession? = nil,
        gate: FileGate
    ) throws(LocalStoreError) {
        (self.path, self.owner, self.threads, self.gate) = (path, owner, threads, gate)
        self.succession = succession
        try Self.makeDirectory(path)
    }

    /// A new entry in this process's folder, which is made at the first: whoever only reads leaves nothing here.
    package func makeEntry() throws(LocalStoreError) -> JournalEntry {
        let result = folder.withLock { folder -> Result<JournalFolder, LocalStoreError> in
            if let folder { return .success(folder) }
            do throws(LocalStoreError) {
                let made = try makeFolder()
                folder = made
                return .success(made)
            } catch { return .failure(error) }
        }
        return try result.get().makeEntry()
    }

    /// Gives the folder up, and removes what is empty. Nothing is recorded after it.
    package func close() {
        folder.withLock { folder in
            if let folder { succession?.noteLeft(folder.path) }
            folder = nil
        }
        _ = try? survivors { _ in false }
    }

    // MARK: Folders

    private func makeFolder() throws(LocalStoreError) -> JournalFolder {
        let lock = try lockedDirectory()
        defer { Glibc.close(lock) }
        let name = "m-" + String(UInt64.random(in: 0...UInt64.max), radix: 16)
        let folder = "\(path)/\(name)"
        guard mkdir(folder, 0o700) == 0 else { throw failure("mkdir", folder) }
        let descriptor = open("\(folder)/owner", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("open", folder) }
        let text = Array("outputfs journal \(JournalFraming.formatVersion)\n\(owner)\n".utf8)
        guard write(descriptor, text, text.count) == text.count, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = failure("write", folder)
            Glibc.close(descriptor)
            throw error
        }
        succession?.noteMade(folder, lock: descriptor)
        return JournalFolder(path: folder, owner: descriptor, threads: threads, gate: gate)
    }

    /// What processes that are gone left for owners that `isWanted`. Entries that another process works on are left
    /// alone, and empty folders go.
    package func survivors(_ isWanted: (_ owner: String) -> Bool) throws(LocalStoreError) -> JournalSurvivors {
        let lock = try lockedDirectory()
        defer { Glibc.close(lock) }
        var found = JournalSurvivors()
        for name in Self.names(in: path).sorted() where name.hasPrefix("m-") {
            let folder = "\(path)/\(name)"
            let descriptor = open("\(folder)/owner", O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else {
                if rmdir(folder) != 0 { found.problems.append(failure("open", "\(folder)/owner")) }
                continue
            }
            defer { Glibc.close(descriptor) }
            guard succession?.isOwn(folder) == true || flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                found.livingFolders.append(folder)
                continue
            }
            visit(folder, ownerFile: descriptor, isWanted, &found)
        }
        return found
    }

    private func visit(
        _ folder: String,
        ownerFile: Int32,
        _ isWanted: (String) -> Bool,
        _ found: inout JournalSurvivors
    ) {
        let ids = Set(Self.names(in: folder).compactMap(Self.entryID))
        guard !ids.isEmpty else {
            unlink("\(folder)/owner")
            rmdir(folder)
            succession?.noteEnded(folder)
            return
        }
        let lines = Self.text(of: ownerFile).split(separator: "\n").map(String.init)
        guard let first = lines.first, first.hasPrefix("outputfs journal "), let format = Int(first.dropFirst(17))
        else {
            found.problems.append(problem(folder, "is no folder of a journal that can be read"))
            return
        }
        guard format <= JournalFraming.formatVersion else {
            found.problems.append(problem(folder, "was written by a newer version of outputfs (format \(format))"))
            return
        }
        let owner = lines.count > 1 ? lines[1] : ""
        guard isWanted(owner) else { return }
        for id in ids.sorted() {
            do throws(LocalStoreError) {
                if let entry = try JournalEntry.claim(id: id, in: folder, threads: threads) {
                    found.entries.append(JournalSurvivors.Entry(owner: owner, folder: folder, entry: entry))
                }
            } catch { found.problems.append(error) }
        }
    }

    private static func entryID(_ name: String) -> String? {
        for suffix in [".data", ".log"] where name.hasSuffix(suffix) { return String(name.dropLast(suffix.count)) }
        return nil
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func text(of descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    // MARK: Parts

    /// The directory as a descriptor with the lock on all of it, which ends with the descriptor; held for moments.
    private func lockedDirectory() throws(LocalStoreError) -> Int32 {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let error = failure("flock", path)
                Glibc.close(descriptor)
                throw error
            }
        }
        return descriptor
    }

    private func failure(_ operation: String, _ path: String) -> LocalStoreError {
        LocalStoreError(errno: errno, operation: operation, path: path)
    }

    private func problem(_ path: String, _ reason: String) -> LocalStoreError {
        LocalStoreError(errno: EINVAL, operation: "read", path: path, reason: reason)
    }

    private static func makeDirectory(_ path: String) throws(LocalStoreError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST {
            guard access(path, W_OK | X_OK) == 0 else {
                throw LocalStoreError(errno: errno, operation: "access", path: path)
            }
            return
        }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw LocalStoreError(errno: errno, operation: "mkdir", path: path)
        }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw LocalStoreError(errno: errno, operation: "mkdir", path: path)
        }
    }
}

/// What was found of processes that are gone.
package struct JournalSurvivors: Sendable {
    package struct Entry: Sendable {
        package let owner: String
        package let folder: String
        package let entry: JournalEntry

        /// Unique within the directory, for people to name it.
        package var name: String { entry.name }
    }

    /// Claimed: nobody else gets them while they are held.
    package var entries: [Entry] = []
    /// Folders of processes that live.
    package var livingFolders: [String] = []
    /// What could not be read, and stays as it is.
    package var problems: [LocalStoreError] = []
}
