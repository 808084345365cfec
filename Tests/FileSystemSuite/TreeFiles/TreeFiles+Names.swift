import FileSystemModel
internal import Glibc
package import SystemPackage

extension TreeFiles {
    package func list(_ path: String) throws(Errno) -> [ListedName] {
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: true)
            guard found.kind == .directory else { throw .notDirectory }
            let answer = try ask(Opened.self) { request in fileSystem.opendir(request, found.node) }
            guard case .opened(let opened) = answer else { throw unexpected(answer) }
            defer {
                _ = try? ask(Done.self) { request in
                    fileSystem.releasedir(request, found.node, handle: opened.handle)
                }
            }
            return try read(found.node, opened.handle, walk)
        }
    }

    private func read(_ node: NodeID, _ handle: HandleID, _ walk: Walk) throws(Errno) -> [ListedName] {
        var names: [ListedName] = []
        var offset: UInt64 = 0
        while true {
            let (capacity, wantsEntries) = nextListing()
            let buffer = ListingBuffer(capacity: capacity, wantsEntries: wantsEntries)
            fileSystem.readdir(DirectoryRequest(caller: caller, buffer: buffer), node, handle: handle, offset: offset)
            let entries: [DirectoryEntry]
            switch buffer.wait() {
            case .success(let added): entries = added
            case .failure(let error): throw Errno(rawValue: error.errno)
            }
            guard let last = entries.last else { return names }
            for entry in entries {
                if let primed = entry.entry { _ = walk.hold(primed) }
                guard entry.name != ".", entry.name != ".." else { continue }
                names.append(ListedName(name: entry.name.string, inode: entry.inode, kind: .init(entry.kind)))
            }
            offset = last.nextOffset
        }
    }

    package func status(_ path: String, follows: Bool) throws(Errno) -> FileStatus {
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: follows)
            if let attributes = found.attributes { return FileStatus(attributes) }
            return FileStatus(try attributes(of: found.node, handle: nil))
        }
    }

    package func makeDirectory(_ path: String, permissions: UInt16) throws(Errno) {
        let masked = permissions & ~UInt16(caller.umask)
        try make(path) { [self] request, name, parent in
            fileSystem.mkdir(request, name, in: parent, permissions: masked)
        }
    }

    package func makeNode(_ path: String, permissions: UInt16) throws(Errno) {
        let masked = permissions & ~UInt16(caller.umask)
        try make(path) { [self] request, name, parent in
            fileSystem.mknod(request, name, in: parent, permissions: masked)
        }
    }

    package func makeLink(_ path: String, to target: String) throws(Errno) {
        guard !target.isEmpty else { throw .noSuchFileOrDirectory }
        try make(path) { [self] request, name, parent in
            fileSystem.symlink(request, name, in: parent, target: target)
        }
    }

    private func make(
        _ path: String,
        _ start: (consuming Request<Entry>, FileName, NodeID) -> Void
    ) throws(Errno) {
        try withWalk { (walk) throws(Errno) in
            let end = try walk.end(of: path, follows: false)
            guard end.found == nil else { throw .fileExists }
            let answer = try ask(Entry.self) { request in start(request, FileName(end.name), end.parent) }
            guard case .entry(let entry) = answer else { throw unexpected(answer) }
            _ = walk.hold(entry)
        }
    }

    package func readLink(_ path: String) throws(Errno) -> String {
        try withWalk { (walk) throws(Errno) in
            let found = try walk.find(path, follows: false)
            guard found.kind == .symbolicLink else { throw .invalidArgument }
            return try walk.readLink(found.node)
        }
    }

    package func unlink(_ path: String) throws(Errno) {
        try withWalk { (walk) throws(Errno) in
            let end = try walk.end(of: path, follows: false)
            guard let found = end.found else { throw .noSuchFileOrDirectory }
            guard found.kind != .directory else { throw .isDirectory }
            _ = try ask(Done.self) { request in fileSystem.unlink(request, FileName(end.name), in: end.parent) }
        }
    }

    package func removeDirectory(_ path: String) throws(Errno) {
        try withWalk { (walk) throws(Errno) in
            let end = try walk.end(of: path, follows: false)
            guard let found = end.found else { throw .noSuchFileOrDirectory }
            guard found.kind == .directory else { throw .notDirectory }
            guard found.node != .root else { throw .resourceBusy }
            _ = try ask(Done.self) { request in fileSystem.rmdir(request, FileName(end.name), in: end.parent) }
        }
    }

    /// With the checks that the kernel makes before it asks.
    package func rename(_ path: String, to newPath: String, flags: UInt32) throws(Errno) {
        try withWalk { (walk) throws(Errno) in
            let source = try walk.end(of: path, follows: false)
            let target = try walk.end(of: newPath, follows: false)
            guard let moved = source.found else { throw .noSuchFileOrDirectory }
            let flags = RenameFlags(rawValue: flags)
            if flags.contains(.exchange) {
                guard target.found != nil else { throw .noSuchFileOrDirectory }
            } else if flags.contains(.noReplace), target.found != nil {
                throw .fileExists
            }
            if target.way.contains(moved.node) { throw .invalidArgument }
            if let replaced = target.found, source.way.contains(replaced.node) { throw .directoryNotEmpty }
            if let replaced = target.found {
                if replaced.node == moved.node { return }
                if moved.kind == .directory, replaced.kind != .directory { throw .notDirectory }
                if moved.kind != .directory, replaced.kind == .directory { throw .isDirectory }
            }
            _ = try ask(Done.self) { request in
                fileSystem.rename(
                    request,
                    FileName(source.name),
                    in: source.parent,
                    to: FileName(target.name),
                    in: target.parent,
                    flags: flags
                )
            }
        }
    }
}

extension FileStatus.Kind {
    init(_ kind: FileKind) {
        switch kind {
        case .file: self = .file
        case .directory: self = .directory
        case .symbolicLink: self = .link
        }
    }
}
