internal import CFuse3
import FileSystemModel
internal import Glibc
import HandOver
internal import Logging
import Synchronization

/// One libfuse session: takes its requests to the file system and the file system's answers back.
///
/// Every request that is not answered yet holds the dispatcher (`Request.sink`), and its end is libfuse's end: a late
/// answer from another thread can never meet a session that was freed.
///
/// Locks: all leaves; nothing is called with any of them held. libfuse's locks are
/// taken below a reply, and by FUSE_INTERRUPT around nothing but `InFlightTable.markInterrupted`.
final class Dispatcher: Sendable {
    let fileSystem: any FileSystem
    let options: SessionOptions
    let logger: Logger
    let inFlight = InFlightTable()
    let counters = RequestCounters()
    let backingFiles: BackingFiles
    let interruptWatch: InterruptWatch
    nonisolated(unsafe) let session: OpaquePointer
    /// Where it is mounted, as the mount table showed it; `nil` before, and for a session over a socket.
    let mount = Mutex<MountTableEntry?>(nil)
    /// What the process that follows this one needs; `nil` where none will.
    let survivors: Survivors?
    /// The kernel's number of the request that a reader works on, with `Repetition.uniqueBit` if it was sent before.
    let arriving = ThreadNumber()
    private let requestMemory = RequestMemory()

    /// What libfuse calls its user data; the dispatcher is not retained by it.
    private nonisolated(unsafe) let userData: UnsafeMutablePointer<Unmanaged<Dispatcher>?>
    /// What the reply to INIT will say; set by the reader that received INIT, before anything else is asked.
    private let plan = Mutex(InitPlan())
    private let isAnsweringInit = Atomic(false)
    /// The kernel had its answer from an earlier process: the one that libfuse gives now is for nobody.
    private let isReplayingInit = Atomic(false)
    private let usesPassthrough = Atomic(false)
    /// A socket is written to with MSG_NOSIGNAL.
    private let isSocket: Bool

    init(
        fileSystem: any FileSystem,
        options: SessionOptions,
        logger: Logger,
        isSocket: Bool,
        survivors: Survivors?
    ) throws(SessionError) {
        self.fileSystem = fileSystem
        self.options = options
        self.logger = logger
        self.isSocket = isSocket
        self.survivors = survivors
        backingFiles = BackingFiles(logger: logger, survivors: survivors)
        interruptWatch = try InterruptWatch()
        let arguments = try options.mountArguments()
        LibfuseLog.send(to: logger)
        let userData = UnsafeMutablePointer<Unmanaged<Dispatcher>?>.allocate(capacity: 1)
        userData.initialize(to: nil)
        guard let session = Self.makeSession(arguments, userData: userData) else {
            userData.deallocate()
            throw SessionError(.invalidOption, arguments.joined(separator: ","), LibfuseLog.takeRecent())
        }
        self.session = session
        self.userData = userData
        userData.pointee = Unmanaged.passUnretained(self)
    }

    deinit {
        // Closes the descriptor and, should it still be there, takes the mount away; after an unmount, only the former.
        fuse_session_unmount(session)
        fuse_session_destroy(session)
        userData.deallocate()
    }

    private static func makeSession(_ options: [String], userData: UnsafeMutableRawPointer) -> OpaquePointer? {
        let words = ["outputfs", "-o", options.joined(separator: ",")].map { (word: String) in strdup(word) }
        defer { for word in words { free(word) } }
        var operations = fuse_lowlevel_ops.dispatching
        var argv: [UnsafeMutablePointer<CChar>?] = words
        return argv.withUnsafeMutableBufferPointer { buffer in
            var arguments = fuse_args(argc: Int32(buffer.count), argv: buffer.baseAddress, allocated: 0)
            defer { fuse_opt_free_args(&arguments) }
            return fuse_session_new(&arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size, userData)
        }
    }

    /// The dispatcher behind libfuse's user data.
    static func from(_ userData: UnsafeMutableRawPointer?) -> Dispatcher? {
        userData?.assumingMemoryBound(to: Unmanaged<Dispatcher>?.self).pointee?.takeUnretainedValue()
    }

    /// The descriptor of /dev/fuse or of the test's socket.
    var device: Int32 { fuse_session_fd(session) }

    /// Replaces libfuse's reads and writes on `descriptor` by ours; the session owns it from now on.
    func attach(_ descriptor: Int32) throws(SessionError) {
        var io = fuse_custom_io()
        io.read = { descriptor, buffer, size, userData in
            if let buffer { Dispatcher.from(userData)?.requestMemory.makePresent(buffer, count: size) }
            return receive(descriptor, buffer, size)
        }
        io.writev = { descriptor, vectors, count, userData in
            Dispatcher.from(userData)?.send(descriptor, vectors, count) ?? -1
        }
        let status = fuse_session_custom_io(session, &io, descriptor)
        guard status == 0 else {
            throw SessionError(.resources, "descriptor \(descriptor)", LibfuseLog.takeRecent())
        }
    }

    // MARK: Requests

    /// The body of a reader thread; returns when the file system is unmounted or the connection is gone.
    func readRequests() {
        var buffer = fuse_buf()
        defer { free(buffer.mem) }
        while fuse_session_exited(session) == 0 {
            let size = fuse_session_receive_buf(session, &buffer)
            if size == -EINTR || size == -EAGAIN { continue }
            guard size > 0, let start = buffer.mem else {
                if size < 0 {
                    // The other readers go on; were the session flagged as exited, they would drop what they read next.
                    let reason = String(cString: strerror(-size))
                    logger.critical("a thread cannot read requests any more", metadata: ["error": "\(reason)"])
                }
                return
            }
            process(UnsafeRawBufferPointer(start: start, count: Int(size)), &buffer)
        }
    }

    private func process(_ message: UnsafeRawBufferPointer, _ buffer: inout fuse_buf) {
        let opcode = message.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        counters.count(opcode: opcode)
        guard opcode == FUSE_INIT_OPCODE else {
            arriving.set(message.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            fuse_session_process_buf(session, &buffer)
            return
        }
        let isPrivileged = hasSystemAdministration()
        let request = InitRequest(message: message)
        // Before the reply: from then on there are requests that somebody waits for.
        if request.canResend { survivors?.set(.session, 0, Array(message)) }
        let plan = InitPlan(request, options: options, isPrivileged: isPrivileged)
        self.plan.withLock { $0 = plan }
        usesPassthrough.store(plan.passthrough, ordering: .releasing)
        isAnsweringInit.store(true, ordering: .releasing)
        fuse_session_process_buf(session, &buffer)
        // The kernel has taken the reply in when the write returns.
        if let mount = mount.withLock({ $0 }) { KernelReadAhead.raise(for: mount) }
    }

    /// Goes on where an earlier process ended: this session agrees with libfuse on what that one agreed with the kernel,
    /// and the kernel sends again what was not answered. Before any reader runs.
    func takeOver() throws(SessionError) {
        guard var message = survivors?.entries(.session).first?.bytes else {
            throw SessionError(.resources, "the mount", "what was agreed with the kernel is not known any more")
        }
        backingFiles.takeOver()
        isReplayingInit.store(true, ordering: .relaxed)
        message.withUnsafeMutableBytes { bytes in
            var buffer = fuse_buf()
            (buffer.mem, buffer.size) = (bytes.baseAddress, bytes.count)
            process(UnsafeRawBufferPointer(bytes), &buffer)
        }
        isAnsweringInit.store(false, ordering: .relaxed)
        isReplayingInit.store(false, ordering: .relaxed)
        // `struct fuse_out_header` of a notification: its code where an error would be, and no request.
        var notification = (length: UInt32(16), code: Self.resendCode, unique: UInt64(0))
        let sent = withUnsafeMutableBytes(of: &notification) { bytes in
            var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            return transmit(device, &vector, 1)
        }
        guard sent == 16 else {
            throw SessionError(
                .resources,
                "the mount",
                "the kernel does not send again: \(String(cString: strerror(errno)))"
            )
        }
    }

    /// FUSE_NOTIFY_RESEND, kernel >= 6.9.
    private static let resendCode: Int32 = 7

    /// FUSE_INIT, called by libfuse on the reader's thread before it replies.
    func negotiate(_ connection: UnsafeMutablePointer<fuse_conn_info>) {
        let size = UInt32(SessionOptions.requestSizeMax)
        connection.pointee.want = wantedCapabilities(capable: connection.pointee.capable)
        connection.pointee.max_write = min(size, connection.pointee.max_write)
        connection.pointee.max_read = size
        connection.pointee.max_background = UInt32(clamping: options.maxBackground)
        connection.pointee.congestion_threshold = UInt32(clamping: options.maxBackground * 3 / 4)
        fileSystem.start(
            KernelCapabilities(
                passthrough: plan.withLock { $0.passthrough },
                writeSizeMax: Int(connection.pointee.max_write)
            )
        )
    }

    /// FUSE_INTERRUPT, called by libfuse with the request's lock held.
    func interrupted(_ token: RequestToken) {
        if inFlight.markInterrupted(token) { interruptWatch.ring() }
    }

    // MARK: Replies

    /// Which of the two serves an open file from now on; see `OpenModes`.
    func openMode(_ node: NodeID, _ backing: BackingFile?, isWritable: Bool) -> OpenModes.Decision {
        guard usesPassthrough.load(ordering: .acquiring) else { return .ours }
        return backingFiles.open(node, backing, isWritable: isWritable, device: device)
    }

    func leaveOpenMode(_ node: NodeID) {
        guard usesPassthrough.load(ordering: .acquiring) else { return }
        backingFiles.release(node, device: device)
    }

    /// `writev` for libfuse: a reply or a notification as one message.
    private func send(_ descriptor: Int32, _ vectors: UnsafeMutablePointer<iovec>?, _ count: Int32) -> Int {
        guard let vectors, count > 0 else { return -1 }
        if isReplayingInit.load(ordering: .relaxed) {
            return (0..<Int(count)).reduce(0) { $0 + vectors[$1].iov_len }
        }
        if count == 2, isAnsweringInit.load(ordering: .relaxed), isAnsweringInit.exchange(false, ordering: .relaxed) {
            let reply = UnsafeMutableRawBufferPointer(start: vectors[1].iov_base, count: vectors[1].iov_len)
            plan.withLock { $0 }.amend(reply)
        }
        let sent = transmit(descriptor, vectors, count)
        guard sent < 0 else { return sent }
        let reason = errno
        // ENOENT: the request was aborted, or a notification was about something that the kernel does not have.
        if reason != ENOENT, reason != ENODEV, reason != EPIPE, reason != ENOTCONN {
            logger.error("a reply was refused", metadata: ["error": "\(String(cString: strerror(reason)))"])
            failInstead(descriptor, vectors[0])
        }
        errno = ENOENT  // which libfuse does not print
        return -1
    }

    private func transmit(_ descriptor: Int32, _ vectors: UnsafeMutablePointer<iovec>, _ count: Int32) -> Int {
        guard isSocket else { return writev(descriptor, vectors, count) }
        var message = msghdr()
        message.msg_iov = vectors
        message.msg_iovlen = Int(count)
        return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
    }

    /// A reply that cannot be sent as it is (too many pieces, memory that is not there) must not leave a program
    /// waiting: it gets EIO. For one that the kernel has finished on its own this changes nothing.
    private func failInstead(_ descriptor: Int32, _ header: iovec) {
        guard header.iov_len == 16, let start = header.iov_base else { return }
        let unique = start.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        guard unique != 0 else { return }
        var bytes = (length: UInt32(16), error: -EIO, unique: unique)
        withUnsafeMutableBytes(of: &bytes) { bytes in
            var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            _ = transmit(descriptor, &vector, 1)
        }
    }
}

/// The opcode of FUSE_INIT; <linux/fuse.h> is not imported (it clashes with Glibc's S_IF names).
private let FUSE_INIT_OPCODE: UInt32 = 26

/// `read` for libfuse: the end of a socket is what an unmount is to /dev/fuse.
private func receive(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ size: Int) -> Int {
    let count = read(descriptor, buffer, size)
    guard count == 0 else { return count }
    errno = ENODEV
    return -1
}

/// CAP_SYS_ADMIN, bit 21 of CapEff in /proc/self/status.
private func hasSystemAdministration() -> Bool {
    guard let status = textFile("/proc/self/status") else { return false }
    for line in status.split(separator: "\n") where line.hasPrefix("CapEff:") {
        let value = line.dropFirst("CapEff:".count).drop { $0 == "\t" || $0 == " " }
        return (UInt64(value, radix: 16) ?? 0) & (1 << 21) != 0
    }
    return false
}
