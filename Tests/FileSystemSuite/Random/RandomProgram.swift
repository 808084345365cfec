internal import Glibc
internal import SystemPackage

/// A program that does what it is told on one tree, below one directory, and says what came of it.
struct RandomProgram {
    let files: any FileOperations
    let root: String
    private var slots: [Int: Int32] = [:]

    init(files: any FileOperations, root: String) {
        self.files = files
        self.root = root
    }

    private func full(_ path: String) -> String {
        root.isEmpty ? path : path.isEmpty ? root : root + "/" + path
    }

    mutating func run(_ operation: RandomOperation) -> RandomOutcome {
        do throws(Errno) { return try outcome(of: operation) } catch { return .failed(error) }
    }

    private mutating func outcome(of operation: RandomOperation) throws(Errno) -> RandomOutcome {
        switch operation {
        case .writeFile(let path, let count, let seed):
            try files.writeFile(full(path), pattern(count, seed: seed))
        case .readFile(let path): return .bytes(try files.readFile(full(path)))
        case .open(let slot, let path, let flags):
            // The slot's old descriptor goes first, and what its close says counts.
            if let old = slots.removeValue(forKey: slot) { try files.close(old) }
            // Directories have descriptors, too; the suite opens files only.
            if let found = try? files.status(full(path), follows: true), found.kind == .directory { throw .isDirectory }
            slots[slot] = try files.open(full(path), flags, permissions: 0o644)
        case .pwrite(let slot, let count, let offset, let seed):
            try files.pwrite(try descriptor(slot), pattern(count, seed: seed), at: offset)
        case .write(let slot, let count, let seed): try files.write(try descriptor(slot), pattern(count, seed: seed))
        case .pread(let slot, let count, let offset):
            return .bytes(try whole(try descriptor(slot), count, offset))
        case .resize(let slot, let size): try files.truncate(try descriptor(slot), to: size)
        case .fsync(let slot): try files.fsync(try descriptor(slot))
        case .size(let slot): return .size(try files.status(try descriptor(slot)).size)
        case .close(let slot):
            let descriptor = try descriptor(slot)
            slots[slot] = nil
            try files.close(descriptor)
        case .truncate(let path, let size): try files.truncate(full(path), to: size)
        case .status(let path):
            let status = try files.status(full(path))
            // Sizes of directories and modes of links are each file system's own.
            return .status(
                status.kind,
                size: status.kind == .directory ? 0 : status.size,
                permissions: status.kind == .link ? 0 : status.permissions
            )
        case .list(let path): return .names(try files.names(full(path)))
        case .makeDirectory(let path): try files.makeDirectory(full(path), permissions: 0o755)
        case .removeDirectory(let path): try files.removeDirectory(full(path))
        case .unlink(let path): try files.unlink(full(path))
        case .rename(let path, let newPath): try files.rename(full(path), to: full(newPath))
        case .makeLink(let path, let target): try files.makeLink(full(path), to: target)
        case .setPermissions(let path, let permissions):
            // chmod follows links, and their targets are other steps' files.
            guard try files.status(full(path)).kind == .file else { return .done }
            try files.setPermissions(full(path), permissions)
        case .setTime(let path, let time):
            guard try files.status(full(path)).kind == .file else { return .done }
            try files.setModificationTime(full(path), time)
            return .size(UInt64(try files.status(full(path)).modificationTime))
        case .wait: break
        }
        return .done
    }

    private func descriptor(_ slot: Int) throws(Errno) -> Int32 {
        guard let descriptor = slots[slot] else { throw .badFileDescriptor }
        return descriptor
    }

    /// read(2) may bring less than there is.
    private func whole(_ descriptor: Int32, _ count: Int, _ offset: UInt64) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        repeat {
            let part = try files.pread(descriptor, count: count - bytes.count, at: offset + UInt64(bytes.count))
            if part.isEmpty { break }
            bytes += part
        } while bytes.count < count
        return bytes
    }

    mutating func closeAll() -> RandomOutcome {
        var result = RandomOutcome.done
        for slot in slots.keys.sorted() {
            let closed = run(.close(slot: slot))
            if closed != .done { result = closed }
        }
        return result
    }

    /// Every path with what is there: kind, bytes or target.
    func everything() throws(Errno) -> [String: String] {
        var found: [String: String] = [:]
        try collect("", &found)
        return found
    }

    private func collect(_ path: String, _ found: inout [String: String]) throws(Errno) {
        for entry in try files.list(full(path)) {
            let child = path.isEmpty ? entry.name : path + "/" + entry.name
            switch entry.kind {
            case .directory:
                found[child] = "directory"
                try collect(child, &found)
            case .link: found[child] = "link to \(Result { try files.readLink(full(child)) })"
            case .file, .other:
                do throws(Errno) { found[child] = "\(RandomOutcome.bytes(try files.readFile(full(child))))" } catch {
                    found[child] = "a file that cannot be read: \(error)"
                }
            }
        }
    }
}
