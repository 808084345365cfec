internal import CLinux
internal import Dispatch
internal import FuseBinding
internal import Glibc
internal import Logging

/// The daemon's end of the control socket: one thread that accepts, one for each request.
final class ControlServer: Sendable {
    private let path: String
    private let listener: ControlSocket
    private let answering = DispatchGroup()

    /// Listens at `path`; a socket that a dead daemon left there is replaced.
    ///
    /// - Parameter isShared: other users may ask how the mount is, and for a drain, but not for its end.
    init(
        at path: String,
        isShared: Bool = false,
        logger: Logger,
        answer: @escaping @Sendable (ControlRequest) -> ControlAnswer
    ) throws(Errno) {
        unlink(path)
        listener = try ControlSocket.listening(at: path)
        self.path = path
        chmod(path, isShared ? 0o666 : 0o600)
        PlainThread.start(named: "control") { self.accept(logger, answer) }
    }

    /// Takes no more requests, and waits until those that are being answered are.
    func stop() {
        unlink(path)
        // Shut down and not closed: the accepting thread still uses the number.
        shutdown(listener.descriptor, Int32(SHUT_RDWR))
        _ = answering.wait(timeout: .now() + .seconds(5))
    }

    private func accept(_ logger: Logger, _ answer: @escaping @Sendable (ControlRequest) -> ControlAnswer) {
        while true {
            let accepted = accept4(listener.descriptor, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
            guard accepted >= 0 else {
                // EINVAL is what `stop` causes; the others concern one client, or pass (EMFILE).
                if errno == EINVAL { return }
                usleep(10_000)
                continue
            }
            answering.enter()
            let serve: @Sendable () -> Void = {
                defer { self.answering.leave() }
                let socket = ControlSocket.adopting(accepted)
                socket.setTimeout(seconds: 10)
                do throws(Errno) {
                    let request = try socket.receive(ControlRequest.self, limit: ControlProtocol.requestSizeMax)
                    try socket.send(Self.checked(request, from: socket.peerUserID, answer))
                } catch {
                    logger.info("a request on the control socket failed: \(error)")
                }
            }
            // Where no thread is to be had it is answered here: a mount must not end because somebody asks how it is.
            do throws(SessionError) { try PlainThread(name: "control-request", serve).detach() } catch {
                logger.warning("\(error): a request on the control socket waits for the one before")
                serve()
            }
        }
    }

    private static func checked(
        _ request: ControlRequest,
        from userID: UInt32?,
        _ answer: (ControlRequest) -> ControlAnswer
    ) -> ControlAnswer {
        guard request.version == ControlProtocol.version else {
            let versions = "\(request.version), and this daemon speaks \(ControlProtocol.version)"
            return ControlAnswer(refusal: "the request has control protocol version \(versions)")
        }
        guard request.command != .unmount || userID == 0 || userID == System.userID else {
            return ControlAnswer(refusal: "only the user who mounted it may unmount it")
        }
        return answer(request)
    }
}
