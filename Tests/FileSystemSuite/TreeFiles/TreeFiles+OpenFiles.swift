import FileSystemModel
internal import Glibc
internal import Synchronization
package import SystemPackage

extension TreeFiles {
    package func open(_ path: String, _ flags: Int32, permissions: UInt16) throws(Errno) -> Int32 {
        try withWalk { (walk) throws(Errno) in
            let isExclusive = flags & O_CREAT != 0 && flags & O_EXCL != 0
            let end = try walk.end(of: path, follows: !isExclusive && flags & O_NOFOLLOW == 0)
            guard let found = end.found else {
                guard flags & O_CREAT != 0 else { throw .noSuchFileOrDirectory }
                return try create(end, flags, permissions, walk)
            }
            if isExclusive { throw .fileExists }
            switch found.kind {
            case .symbolicLink: throw .tooManySymbolicLinkLevels
            case .directory: throw .isDirectory
            case .file: break
            }
            let answer = try ask(Opened.self) { request in
                fileSystem.open(request, found.node, flags: OpenFlags(flags, isCreating: false))
            }
            guard case .opened(let opened) = answer else { throw unexpected(answer) }
            walk.keep(found.node)
            return install(opened, of: found.node, flags)
        }
    }

    private func create(
        _ end: Walk.End,
        _ flags: Int32,
        _ permissions: UInt16,
        _ walk: Walk
    ) throws(Errno) -> Int32 {
        let masked = permissions & ~UInt16(caller.umask)
        let answer = try ask(Created.self) { request in
            fileSystem.create(
                request,
                FileName(end.name),
                in: end.parent,
                permissions: masked,
                flags: OpenFlags(flags, isCreating: true)
            )
        }
        guard case .created(let created) = answer else { throw unexpected(answer) }
        let found = walk.hold(created.entry)
        walk.keep(found.node)
        return install(created.opened, of: found.node, flags)
    }

    package func duplicate(_ descriptor: Int32) throws(Errno) -> Int32 { install(try openFile(descriptor)) }

    package func pread(_ descriptor: Int32, count: Int, at offset: UInt64) throws(Errno) -> [UInt8] {
        let file = try openFile(descriptor)
        guard file.access != O_WRONLY else { throw .badFileDescriptor }
        if let backing = file.backing {
            notePassthroughRead()
            return try backing.read(count, at: offset)
        }
        return try askRead { request in
            fileSystem.read(request, file.node, handle: file.handle, offset: offset, size: count)
        }
    }

    package func pwrite(_ descriptor: Int32, _ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        let file = try openFile(descriptor)
        guard file.access != O_RDONLY else { throw .badFileDescriptor }
        // Linux appends with pwrite, too, when the file is open with O_APPEND.
        let start = file.flags & O_APPEND != 0 ? try size(of: file) : offset
        try write(file, bytes, at: start)
    }

    package func write(_ descriptor: Int32, _ bytes: [UInt8]) throws(Errno) {
        let file = try openFile(descriptor)
        guard file.access != O_RDONLY else { throw .badFileDescriptor }
        if file.flags & O_APPEND != 0 {
            try write(file, bytes, at: try size(of: file))
        } else {
            let start = file.position.withLock { position in
                defer { position += UInt64(bytes.count) }
                return position
            }
            try write(file, bytes, at: start)
        }
    }

    /// An append that another process of the mount had before: `offset` is where the kernel believes the end to be.
    package func appendAgain(_ descriptor: Int32, _ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        try write(try openFile(descriptor), bytes, at: offset, isRepeated: true)
    }

    /// In requests of at most 1 MiB, as the kernel sends them.
    private func write(_ file: OpenFile, _ bytes: [UInt8], at offset: UInt64, isRepeated: Bool = false) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let part = bytes[done..<min(done + 1 << 20, bytes.count)]
            let flags = WriteFlags(appends: file.flags & O_APPEND != 0, isRepeated: isRepeated)
            let answer = try ask(ByteCount.self) { request in
                var request: Request<ByteCount>? = request
                part.withUnsafeBytes { buffer in
                    guard let request = request.take() else { return }
                    fileSystem.write(
                        request,
                        file.node,
                        handle: file.handle,
                        offset: offset + UInt64(done),
                        buffer,
                        flags: flags
                    )
                }
            }
            guard case .count(let count) = answer, count > 0 else { throw unexpected(answer) }
            done += count
        }
    }

    package func fsync(_ descriptor: Int32) throws(Errno) {
        let file = try openFile(descriptor)
        _ = try ask(Done.self) { request in
            fileSystem.fsync(request, file.node, handle: file.handle, dataOnly: false)
        }
    }

    package func truncate(_ descriptor: Int32, to size: UInt64) throws(Errno) {
        let file = try openFile(descriptor)
        guard file.access != O_RDONLY else { throw .invalidArgument }
        var changes = AttributeChanges()
        changes.size = size
        _ = try setAttributes(file.node, changes, handle: file.handle)
    }

    package func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
        let file = try openFile(descriptor)
        return FileStatus(try attributes(of: file.node, handle: file.handle))
    }

    private func size(of file: OpenFile) throws(Errno) -> UInt64 {
        try attributes(of: file.node, handle: file.handle).size
    }

    package func fallocate(_ descriptor: Int32, mode: Int32, offset: UInt64, length: UInt64) throws(Errno) {
        let file = try openFile(descriptor)
        guard file.access != O_RDONLY else { throw .badFileDescriptor }
        let keepsSize = mode & 1 != 0
        let request: FallocateMode =
            switch mode & ~1 {
            case 0: .allocate(keepsSize: keepsSize)
            case 2: .punchHole
            case 16: .zeroRange(keepsSize: keepsSize)
            default: throw .notSupportedOnSocket
            }
        _ = try ask(Done.self) { answer in
            fileSystem.fallocate(
                answer,
                file.node,
                handle: file.handle,
                mode: request,
                offset: offset,
                length: length
            )
        }
    }

    /// What the tree does not copy is read and written, as the kernel does it.
    package func copyRange(_ source: Int32, to copy: Int32, at offset: UInt64, count: Int) throws(Errno) -> Int {
        let (from, to) = (try openFile(source), try openFile(copy))
        guard from.access != O_WRONLY, to.access != O_RDONLY else { throw .badFileDescriptor }
        do throws(Errno) {
            let answer = try ask(ByteCount.self) { request in
                fileSystem.copyFileRange(
                    request,
                    from: (from.node, from.handle, offset),
                    to: (to.node, to.handle, offset),
                    length: UInt64(count)
                )
            }
            guard case .count(let copied) = answer else { throw unexpected(answer) }
            return copied
        } catch {
            guard error == .notSupportedOnSocket else { throw error }
            let bytes = try pread(source, count: count, at: offset)
            try pwrite(copy, bytes, at: offset)
            return bytes.count
        }
    }

    /// flush for every descriptor, release with the last.
    package func close(_ descriptor: Int32) throws(Errno) {
        let file = try openFile(descriptor)
        var failure: Errno?
        do throws(Errno) {
            _ = try ask(Done.self) { request in fileSystem.flush(request, file.node, handle: file.handle) }
        } catch { failure = error }
        if uninstall(descriptor) {
            // Nobody waits for its answer but this suite, which wants it to come at all.
            _ = try? ask(Done.self) { request in fileSystem.release(request, file.node, handle: file.handle) }
            forget(file.node)
        }
        if let failure { throw failure }
    }
}

extension OpenFlags {
    /// What of open(2)'s flags the kernel passes on: O_CREAT and O_EXCL with a create only.
    init(_ flags: Int32, isCreating: Bool) {
        let access: Access =
            switch flags & O_ACCMODE {
            case O_WRONLY: .writeOnly
            case O_RDWR: .readWrite
            default: .readOnly
            }
        self.init(
            access,
            truncates: flags & O_TRUNC != 0,
            appends: flags & O_APPEND != 0,
            isExclusive: isCreating && flags & O_EXCL != 0,
            isSynchronous: flags & O_SYNC == O_SYNC
        )
    }
}
