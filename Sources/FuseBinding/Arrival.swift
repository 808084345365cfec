internal import CFuse3
import FileSystemModel

/// A request that has just come in, on the way from libfuse's callback to the file system.
struct Arrival {
    let dispatcher: Dispatcher
    let token: RequestToken
    let caller: Caller
    /// See `Request.number`.
    let number: UInt64
    /// The kernel sent it before, to a process that was killed.
    let isRepeated: Bool

    /// Enters the request in the table; `nil` cannot happen, as libfuse calls with a request of this session.
    ///
    /// - Parameter repetition: what the answer means if the request was sent before, to a process that was killed.
    init?(
        _ raw: OpaquePointer?,
        _ context: ReplyContext = .plain,
        ifRepeated repetition: @autoclosure () -> Repetition? = nil
    ) {
        guard let raw, let dispatcher = Dispatcher.from(fuse_req_userdata(raw)) else { return nil }
        var context = context
        let arriving = dispatcher.arriving.value
        (number, isRepeated) = (arriving & ~Repetition.uniqueBit, arriving & Repetition.uniqueBit != 0)
        if isRepeated, let repetition = repetition() { context = .repeated(repetition) }
        self.dispatcher = dispatcher
        if let who = fuse_req_ctx(raw)?.pointee {
            caller = Caller(userID: who.uid, groupID: who.gid, processID: who.pid, umask: who.umask)
        } else {
            caller = Caller(userID: 0, groupID: 0, processID: 0)
        }
        token = dispatcher.inFlight.insert(
            InFlightTable.Entry(request: LibfuseRequest(raw: raw), context: context, caller: caller.processID)
        )
        // Here and only here, while nobody can have answered: libfuse's function may be called at once (the
        // interrupt overtook its request), and on a request that was answered it would touch freed memory.
        fuse_req_interrupt_func(
            raw,
            { raw, token in
                guard let raw else { return }
                Dispatcher.from(fuse_req_userdata(raw))?.interrupted(RequestToken(rawValue: UInt(bitPattern: token)))
            },
            UnsafeMutableRawPointer(bitPattern: token.rawValue)
        )
    }

    /// Of a request that makes a name.
    init?(_ raw: OpaquePointer?, making name: UnsafePointer<CChar>?, in parent: fuse_ino_t) {
        self.init(
            raw,
            ifRepeated: name.flatMap { String(validatingCString: $0) }.map { .making(FileName($0), in: NodeID(parent)) }
        )
    }

    init?(_ raw: OpaquePointer?, renamingTo name: UnsafePointer<CChar>?, in parent: fuse_ino_t) {
        self.init(
            raw,
            ifRepeated: name.flatMap { String(validatingCString: $0) }.map {
                .rename(to: FileName($0), in: NodeID(parent))
            }
        )
    }

    var fileSystem: any FileSystem { dispatcher.fileSystem }

    func request<Value>() -> Request<Value> { Request(token, caller: caller, number: number, sink: dispatcher) }

    func readRequest() -> ReadRequest { ReadRequest(token, caller: caller, sink: dispatcher) }

    func refuse(_ errno: Int32, _ reason: String) {
        dispatcher.answer(token, .failure(FileSystemError(errno: errno, reason)))
    }

    /// The name, or `nil` after having refused the request.
    func name(_ bytes: UnsafePointer<CChar>?, for purpose: ParsedName.Purpose) -> FileName? {
        do throws(FileSystemError) {
            return try ParsedName(bytes).get(for: purpose)
        } catch {
            dispatcher.answer(token, .failure(error))
            return nil
        }
    }
}

extension NodeID {
    init(_ inode: fuse_ino_t) { self.init(rawValue: inode) }
}

extension HandleID {
    /// The handle of a request that has one; FUSE's 0 otherwise.
    init(_ info: UnsafeMutablePointer<fuse_file_info>?) { self.init(rawValue: info?.pointee.fh ?? 0) }
}
