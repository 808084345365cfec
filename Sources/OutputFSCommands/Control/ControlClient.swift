internal import Glibc

/// The commands' end of the control socket.
enum ControlClient {
    /// How long an answer about the status may take, in seconds: it comes from memory.
    static let statusTimeout = 10

    /// Whether a daemon listens for this mount.
    static func isServed(_ mountPoint: String) -> Bool {
        do throws(Errno) {
            _ = try ControlSocket.connected(to: RuntimeDirectory.socket(of: mountPoint))
            return true
        } catch { return false }
    }

    /// Asks the daemon behind a socket. ECONNREFUSED and ENOENT: there is none; EAGAIN: it does not answer in time.
    static func ask(_ socketPath: String, _ request: ControlRequest, timeout: Int) throws(Errno) -> ControlAnswer {
        let socket = try ControlSocket.connected(to: socketPath)
        socket.setTimeout(seconds: timeout)
        try socket.send(request)
        return try socket.receive(ControlAnswer.self, limit: ControlProtocol.answerSizeMax)
    }
}
