internal import CFuse3
import FileSystemModel
internal import Glibc

// libfuse's callbacks, in the order of `FileSystem`. Each decodes its arguments and hands the request on; what cannot
// be meant for a blob is refused here. Pointers are libfuse's until the callback returns.
//
// Left out, so that libfuse answers ENOSYS, which the kernel remembers: access (default_permissions decides), getlk,
// setlk and flock (the kernel keeps locks by itself, local to the mount), bmap, ioctl, poll, retrieve_reply.

extension fuse_lowlevel_ops {
    static var dispatching: fuse_lowlevel_ops {
        var operations = fuse_lowlevel_ops()
        operations.`init` = { userData, connection in
            guard let connection else { return }
            Dispatcher.from(userData)?.negotiate(connection)
        }
        operations.setNameOperations()
        operations.setAttributeOperations()
        operations.setExtendedAttributeOperations()
        operations.setFileOperations()
        operations.setRangeOperations()
        operations.setDirectoryOperations()
        return operations
    }

    private mutating func setNameOperations() {
        lookup = { raw, parent, name in
            guard let arrival = Arrival(raw), let name = arrival.name(name, for: .find) else { return }
            arrival.fileSystem.lookup(arrival.request(), name, in: NodeID(parent))
        }
        forget = { raw, node, count in
            guard let raw else { return }
            Dispatcher.from(fuse_req_userdata(raw))?.fileSystem.forget(NodeID(node), count: count)
            fuse_reply_none(raw)
        }
        forget_multi = { raw, count, forgets in
            guard let raw else { return }
            if let fileSystem = Dispatcher.from(fuse_req_userdata(raw))?.fileSystem {
                for forget in UnsafeBufferPointer(start: forgets, count: count) {
                    fileSystem.forget(NodeID(rawValue: forget.ino), count: forget.nlookup)
                }
            }
            fuse_reply_none(raw)
        }
        mknod = { raw, parent, name, mode, _ in
            guard let arrival = Arrival(raw, making: name, in: parent), let name = arrival.name(name, for: .make) else {
                return
            }
            guard isRegularFile(mode: mode) else { return arrival.refuse(EPERM, "only files can be kept as blobs") }
            arrival.fileSystem.mknod(arrival.request(), name, in: NodeID(parent), permissions: UInt16(mode & 0o7777))
        }
        mkdir = { raw, parent, name, mode in
            guard let arrival = Arrival(raw, making: name, in: parent), let name = arrival.name(name, for: .make) else {
                return
            }
            arrival.fileSystem.mkdir(arrival.request(), name, in: NodeID(parent), permissions: UInt16(mode & 0o7777))
        }
        symlink = { raw, target, parent, name in
            guard let arrival = Arrival(raw, making: name, in: parent), let name = arrival.name(name, for: .make) else {
                return
            }
            guard let target, let target = String(validatingCString: target) else {
                return arrival.refuse(EINVAL, "a link target that is not UTF-8")
            }
            arrival.fileSystem.symlink(arrival.request(), name, in: NodeID(parent), target: target)
        }
        readlink = { raw, node in
            guard let arrival = Arrival(raw) else { return }
            arrival.fileSystem.readlink(arrival.request(), NodeID(node))
        }
        unlink = { raw, parent, name in
            guard let arrival = Arrival(raw, ifRepeated: .removal), let name = arrival.name(name, for: .find) else {
                return
            }
            arrival.fileSystem.unlink(arrival.request(), name, in: NodeID(parent))
        }
        rmdir = { raw, parent, name in
            guard let arrival = Arrival(raw, ifRepeated: .removal), let name = arrival.name(name, for: .find) else {
                return
            }
            arrival.fileSystem.rmdir(arrival.request(), name, in: NodeID(parent))
        }
        rename = { raw, parent, name, newParent, newName, flags in
            guard let arrival = Arrival(raw, renamingTo: newName, in: newParent),
                let name = arrival.name(name, for: .find),
                let newName = arrival.name(newName, for: .make)
            else { return }
            guard let flags = RenameFlags(flags) else { return arrival.refuse(EINVAL, "unknown rename flags") }
            arrival.fileSystem.rename(
                arrival.request(),
                name,
                in: NodeID(parent),
                to: newName,
                in: NodeID(newParent),
                flags: arrival.isRepeated ? flags.union(.isRepeated) : flags
            )
        }
        link = { raw, _, _, _ in Arrival(raw)?.refuse(EPERM, "blobs have no hard links") }
    }

    private mutating func setAttributeOperations() {
        getattr = { raw, node, info in
            guard let arrival = Arrival(raw) else { return }
            let handle = info.map { HandleID(rawValue: $0.pointee.fh) }
            arrival.fileSystem.getattr(arrival.request(), NodeID(node), handle: handle)
        }
        setattr = { raw, node, stat, valid, info in
            guard let arrival = Arrival(raw), let stat else { return }
            let handle = info.map { HandleID(rawValue: $0.pointee.fh) }
            let changes = AttributeChanges(stat.pointee, valid: valid)
            arrival.fileSystem.setattr(arrival.request(), NodeID(node), changes, handle: handle)
        }
        statfs = { raw, node in
            guard let arrival = Arrival(raw) else { return }
            arrival.fileSystem.statfs(arrival.request(), NodeID(node))
        }
    }

    private mutating func setExtendedAttributeOperations() {
        getxattr = { raw, node, name, size in
            guard let arrival = Arrival(raw, .extendedAttribute(size: size)) else { return }
            guard let name, let name = String(validatingCString: name) else {
                return arrival.refuse(ENODATA, "an attribute name that is not UTF-8")
            }
            arrival.fileSystem.getxattr(arrival.request(), NodeID(node), name, size: size)
        }
        listxattr = { raw, node, size in
            guard let arrival = Arrival(raw, .extendedAttribute(size: size)) else { return }
            arrival.fileSystem.listxattr(arrival.request(), NodeID(node), size: size)
        }
        setxattr = { raw, node, name, value, size, flags in
            guard let arrival = Arrival(raw, ifRepeated: .attributeCreation) else { return }
            guard let name, let name = String(validatingCString: name), let flags = ExtendedAttributeFlags(flags) else {
                return arrival.refuse(EINVAL, "an attribute name that is not UTF-8, or unknown flags")
            }
            let value = UnsafeRawBufferPointer(start: value, count: size)
            arrival.fileSystem.setxattr(arrival.request(), NodeID(node), name, value, flags: flags)
        }
        removexattr = { raw, node, name in
            guard let arrival = Arrival(raw, ifRepeated: .attributeRemoval) else { return }
            guard let name, let name = String(validatingCString: name) else {
                return arrival.refuse(ENODATA, "an attribute name that is not UTF-8")
            }
            arrival.fileSystem.removexattr(arrival.request(), NodeID(node), name)
        }
    }

    private mutating func setFileOperations() {
        open = { raw, node, info in
            let flags = OpenFlags(info?.pointee.flags ?? 0)
            let context = ReplyContext.open(NodeID(node), isWritable: flags.allowsWriting)
            guard let arrival = Arrival(raw, context) else { return }
            arrival.fileSystem.open(arrival.request(), NodeID(node), flags: flags)
        }
        create = { raw, parent, name, mode, info in
            let flags = OpenFlags(info?.pointee.flags ?? 0)
            guard let arrival = Arrival(raw, .create(isWritable: flags.allowsWriting)),
                let name = arrival.name(name, for: .make)
            else { return }
            let permissions = UInt16(mode & 0o7777)
            arrival.fileSystem.create(
                arrival.request(),
                name,
                in: NodeID(parent),
                permissions: permissions,
                flags: flags
            )
        }
        read = { raw, node, size, offset, info in
            guard let arrival = Arrival(raw, .read(size: size)) else { return }
            let offset = UInt64(clamping: offset)
            arrival.fileSystem.read(
                arrival.readRequest(),
                NodeID(node),
                handle: HandleID(info),
                offset: offset,
                size: size
            )
        }
        write = { raw, node, bytes, size, offset, info in
            guard let arrival = Arrival(raw) else { return }
            let flags = WriteFlags(
                isFromPageCache: info?.pointee.writepage == 1,
                appends: OpenFlags(info?.pointee.flags ?? 0).appends,
                isRepeated: arrival.isRepeated
            )
            arrival.fileSystem.write(
                arrival.request(),
                NodeID(node),
                handle: HandleID(info),
                offset: UInt64(clamping: offset),
                UnsafeRawBufferPointer(start: bytes, count: size),
                flags: flags
            )
        }
        flush = { raw, node, info in
            guard let arrival = Arrival(raw) else { return }
            arrival.fileSystem.flush(arrival.request(), NodeID(node), handle: HandleID(info))
        }
        fsync = { raw, node, dataOnly, info in
            guard let arrival = Arrival(raw) else { return }
            arrival.fileSystem.fsync(
                arrival.request(),
                NodeID(node),
                handle: HandleID(info),
                dataOnly: dataOnly != 0
            )
        }
        release = { raw, node, info in
            guard let arrival = Arrival(raw) else { return }
            arrival.dispatcher.leaveOpenMode(NodeID(node))
            arrival.fileSystem.release(arrival.request(), NodeID(node), handle: HandleID(info))
        }
    }

    private mutating func setRangeOperations() {
        fallocate = { raw, node, mode, offset, length, info in
            guard let arrival = Arrival(raw) else { return }
            // EOPNOTSUPP, not ENOSYS: the kernel would take the latter to hold for every mode.
            guard let mode = FallocateMode(mode) else {
                return arrival.refuse(EOPNOTSUPP, "a mode of fallocate that no blob can follow")
            }
            arrival.fileSystem.fallocate(
                arrival.request(),
                NodeID(node),
                handle: HandleID(info),
                mode: mode,
                offset: UInt64(clamping: offset),
                length: UInt64(clamping: length)
            )
        }
        lseek = { raw, node, offset, whence, info in
            guard let arrival = Arrival(raw) else { return }
            guard let whence = SeekWhence(whence) else { return arrival.refuse(EINVAL, "an unknown whence") }
            arrival.fileSystem.lseek(
                arrival.request(),
                NodeID(node),
                handle: HandleID(info),
                offset: UInt64(clamping: offset),
                whence: whence
            )
        }
        copy_file_range = { raw, node, offset, info, newNode, newOffset, newInfo, length, _ in
            guard let arrival = Arrival(raw) else { return }
            arrival.fileSystem.copyFileRange(
                arrival.request(),
                from: (NodeID(node), HandleID(info), UInt64(clamping: offset)),
                to: (NodeID(newNode), HandleID(newInfo), UInt64(clamping: newOffset)),
                length: UInt64(length)
            )
        }
    }

    private mutating func setDirectoryOperations() {
        opendir = { raw, node, _ in
            guard let arrival = Arrival(raw, .openDirectory(NodeID(node))) else { return }
            arrival.fileSystem.opendir(arrival.request(), NodeID(node))
        }
        readdir = { raw, node, size, offset, info in
            list(raw, node, size, offset, info, wantsEntries: false)
        }
        readdirplus = { raw, node, size, offset, info in
            list(raw, node, size, offset, info, wantsEntries: true)
        }
        fsyncdir = { raw, node, _, info in
            guard let arrival = Arrival(raw) else { return }
            arrival.fileSystem.fsyncdir(arrival.request(), NodeID(node), handle: HandleID(info))
        }
        releasedir = { raw, node, info in
            guard let arrival = Arrival(raw) else { return }
            arrival.fileSystem.releasedir(arrival.request(), NodeID(node), handle: HandleID(info))
        }
    }
}

/// READDIR and READDIRPLUS.
private func list(
    _ raw: OpaquePointer?,
    _ node: fuse_ino_t,
    _ size: Int,
    _ offset: Int,
    _ info: UnsafeMutablePointer<fuse_file_info>?,
    wantsEntries: Bool
) {
    guard let arrival = Arrival(raw) else { return }
    let page = DirectoryPage(arrival, size: size, wantsEntries: wantsEntries)
    arrival.fileSystem.readdir(
        DirectoryRequest(caller: arrival.caller, buffer: page),
        NodeID(node),
        handle: HandleID(info),
        // Positions are the file system's own 64-bit numbers; lseek lets none above Int64.max through.
        offset: UInt64(bitPattern: Int64(offset))
    )
}
