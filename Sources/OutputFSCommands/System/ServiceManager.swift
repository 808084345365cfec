internal import FuseBinding
internal import Glibc

/// What systemd wants to know of a service of `Type=notify`: sd_notify(3), by hand, for it is one datagram.
enum ServiceManager {
    enum State: Sendable {
        case ready(status: String)
        case stopping(status: String)
        /// Still answering: see `watch`.
        case alive

        var text: String {
            switch self {
            case .ready(let status): "READY=1\nSTATUS=\(Self.line(status))"
            case .stopping(let status): "STOPPING=1\nSTATUS=\(Self.line(status))"
            case .alive: "WATCHDOG=1"
            }
        }

        private static func line(_ text: String) -> String { text.replacing("\n", with: " ") }
    }

    /// Nothing without a `NOTIFY_SOCKET`. A manager that is not there is no reason not to serve.
    static func notify(_ state: State, environment: [String: String] = System.environment) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        // An abstract socket begins with a zero byte, and ends where its length says.
        if path.hasPrefix("@") { name[0] = 0 }
        guard name.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count + (path.hasPrefix("@") ? 0 : 1))
        let message = Array(state.text.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }

    /// How often the manager wants to hear from us: half of what it waits; `nil` where it does not.
    ///
    /// - Parameter processes: this one, and the one that it works for.
    static func watchInterval(_ environment: [String: String], processes: [Int32]) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0,
            // The variables are inherited; the watch is not.
            environment["WATCHDOG_PID"].map({ text in processes.contains { text == "\($0)" } }) ?? true
        else { return nil }
        return .microseconds(microseconds / 2)
    }

    /// Tells the manager that the mount answers, as long as it does: each time the kernel is made to ask it (statfs is
    /// never answered from the kernel's caches), so that a mount whose threads hang is ended and started again.
    static func watch(_ mountPoint: String) {
        guard let interval = watchInterval(System.environment, processes: [getpid(), getppid()]) else { return }
        PlainThread.start(named: "watchdog") {
            var statistics = statvfs()
            while statvfs(mountPoint, &statistics) == 0 || errno == EINTR {
                notify(.alive)
                usleep(UInt32(clamping: Int64(interval / .microseconds(1))))
            }
        }
    }
}
