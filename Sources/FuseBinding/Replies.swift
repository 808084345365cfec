internal import CFuse3
import FileSystemModel
internal import Glibc
internal import Logging

/// The pieces that one reply may consist of: IOV_MAX (1,024) less libfuse's header.
private let pieceCountMax = 1023

extension Dispatcher: RequestSink {
    func answer(_ token: RequestToken, _ answer: Answer) {
        guard let entry = inFlight.remove(token) else { return }
        reply(answer, to: entry)
    }

    func answer(_ token: RequestToken, bytes: UnsafeBufferPointer<UnsafeRawBufferPointer>) {
        guard let entry = inFlight.remove(token) else { return }
        guard case .read(let size) = entry.context, bytes.count <= pieceCountMax else {
            logger.error("a read was answered in \(bytes.count) pieces")
            fuse_reply_err(entry.request.raw, EIO)
            return
        }
        if bytes.count == 1, let only = bytes.first {
            fuse_reply_buf(entry.request.raw, only.baseAddress, min(size, only.count))
            return
        }
        // libfuse copies the vectors, never what they point at.
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: bytes.count) { vectors in
            var rest = size
            for (index, piece) in bytes.enumerated() {
                let count = min(rest, piece.count)
                let start = UnsafeMutableRawPointer(mutating: piece.baseAddress)
                vectors.initializeElement(at: index, to: iovec(iov_base: start, iov_len: count))
                rest -= count
            }
            fuse_reply_iov(entry.request.raw, vectors.baseAddress, Int32(bytes.count))
        }
    }

    func onInterrupt(_ token: RequestToken, _ handler: @escaping @Sendable () -> Void) {
        if inFlight.setHandler(token, handler) { interruptWatch.ring() }
    }

    private func reply(_ answer: Answer, to entry: InFlightTable.Entry) {
        let raw = entry.request.raw
        switch answer {
        case .failure(let error):
            logger.trace("refused", metadata: ["reason": "\(error)"])
            if case .repeated(let repetition) = entry.context, reply(error, of: repetition, to: entry) { return }
            fuse_reply_err(raw, replyErrno(error.errno))
        case .lookup(.found(let found)) where entry.isRename:
            fuse_reply_err(raw, 0)
            fileSystem.forget(found.node, count: 1)
        case .lookup(.absent) where entry.isRename:
            fuse_reply_err(raw, ENOENT)
        case .done:
            fuse_reply_err(raw, 0)
        case .lookup(.found(let found)), .entry(let found):
            var parameters = found.parameters
            if fuse_reply_entry(raw, &parameters) != 0 { fileSystem.forget(found.node, count: 1) }
        case .lookup(.absent(let validity)):
            guard validity > .zero else {
                fuse_reply_err(raw, ENOENT)
                return
            }
            var parameters = fuse_entry_param()
            parameters.entry_timeout = validity.seconds
            fuse_reply_entry(raw, &parameters)
        case .attributes(let answer):
            var stat = answer.attributes.stat
            fuse_reply_attr(raw, &stat, answer.validity.seconds)
        case .opened(let opened):
            reply(opened, to: entry)
        case .created(let created):
            reply(created, to: entry)
        case .count(let count):
            fuse_reply_write(raw, count)
        case .offset(let offset):
            fuse_reply_lseek(raw, Int(offset))
        case .link(let target):
            fuse_reply_readlink(raw, target)
        case .statistics(let statistics):
            var statvfs = statistics.statvfs
            fuse_reply_statfs(raw, &statvfs)
        case .extendedAttribute(let answer):
            reply(answer, to: entry)
        }
    }

    // MARK: Requests that were sent again

    /// Whether the answer is given, or will be.
    private func reply(_ error: FileSystemError, of repetition: Repetition, to entry: InFlightTable.Entry) -> Bool {
        switch repetition.meaning(of: error.errno) {
        case .failed: return false
        case .done:
            fuse_reply_err(entry.request.raw, 0)
            return true
        case .ask(let name, let parent, let answersEntry):
            let question = InFlightTable.Entry(
                request: entry.request,
                context: answersEntry ? .plain : .renamed,
                caller: entry.caller
            )
            let caller = Caller(userID: 0, groupID: 0, processID: entry.caller)
            fileSystem.lookup(Request(inFlight.insert(question), caller: caller, sink: self), name, in: parent)
            return true
        }
    }

    // MARK: Opens

    private func reply(_ opened: Opened, to entry: InFlightTable.Entry) {
        let raw = entry.request.raw
        guard case .open(let node, let isWritable) = entry.context else {
            var info = opened.info
            if fuse_reply_open(raw, &info) != 0, case .openDirectory(let node) = entry.context {
                fileSystem.releasedir(unheard(), node, handle: opened.handle)
            }
            return
        }
        let status: Int32
        switch openMode(node, opened.backing, isWritable: isWritable) {
        case .ours:
            var info = opened.info
            status = fuse_reply_open(raw, &info)
        case .backed(let id):
            let reply = BackedOpenReply(handle: opened.handle, backingID: id)
            status = reply.withBytes { fuse_reply_buf(raw, $0.baseAddress, $0.count) }
        case .refused:
            fuse_reply_err(raw, ESTALE)
            fileSystem.release(unheard(), node, handle: opened.handle)
            return
        }
        if status != 0 { undo(opened, node) }
    }

    private func reply(_ created: Created, to entry: InFlightTable.Entry) {
        let raw = entry.request.raw
        let node = created.entry.node
        guard case .create(let isWritable) = entry.context else {
            fuse_reply_err(raw, EIO)
            return
        }
        let status: Int32
        switch openMode(node, created.opened.backing, isWritable: isWritable) {
        case .ours:
            var parameters = created.entry.parameters
            var info = created.opened.info
            status = fuse_reply_create(raw, &parameters, &info)
        case .backed(let id):
            let reply = BackedOpenReply(handle: created.opened.handle, backingID: id)
            let bytes = reply.withBytes { EntryReply(created.entry).bytes + $0 }
            status = fuse_reply_buf(raw, bytes, bytes.count)
        case .refused:
            fuse_reply_err(raw, ESTALE)
            fileSystem.release(unheard(), node, handle: created.opened.handle)
            fileSystem.forget(node, count: 1)
            return
        }
        if status != 0 {
            undo(created.opened, node)
            fileSystem.forget(node, count: 1)
        }
    }

    /// An open that the kernel did not hear of gets no RELEASE.
    private func undo(_ opened: Opened, _ node: NodeID) {
        leaveOpenMode(node)
        fileSystem.release(unheard(), node, handle: opened.handle)
    }

    /// A request that nobody waits for: its token is in no table.
    private func unheard() -> Request<Done> {
        Request(RequestToken(rawValue: 0), caller: Caller(userID: 0, groupID: 0, processID: 0), sink: self)
    }

    // MARK: Extended attributes

    private func reply(_ answer: ExtendedAttributeAnswer, to entry: InFlightTable.Entry) {
        let raw = entry.request.raw
        guard case .extendedAttribute(let room) = entry.context else {
            fuse_reply_err(raw, EIO)
            return
        }
        switch answer {
        case .size(let size) where room == 0:
            fuse_reply_xattr(raw, size)
        case .value(let value) where room == 0:
            fuse_reply_xattr(raw, value.count)
        case .value(let value) where value.count <= room:
            fuse_reply_buf(raw, value, value.count)
        case .size(0):
            fuse_reply_buf(raw, nil, 0)
        case .size, .value:
            fuse_reply_err(raw, ERANGE)
        }
    }
}

extension Opened {
    fileprivate var info: fuse_file_info {
        var info = fuse_file_info()
        info.fh = handle.rawValue
        info.direct_io = isDirect ? 1 : 0
        info.keep_cache = keepsPageCache ? 1 : 0
        info.cache_readdir = cachesDirectory ? 1 : 0
        return info
    }
}
