internal import CLinux
internal import Dispatch
internal import FuseBinding
internal import Glibc
internal import Logging

/// Answers `GET /metrics` with what the mount counted, one client after the other, on a thread of its own. Counting
/// costs nothing more for it: the text is made when somebody asks.
final class MetricsServer: Sendable {
    /// A scraper waits for 10 s at most; who sends nothing for 2 s must not keep it out.
    private static let patience = 2

    /// With the port that was taken.
    let address: MetricsAddress
    private let listener: Int32
    private let ended = DispatchSemaphore(value: 0)

    /// Listens, or says why not. `text` is called for each scrape.
    init(
        at address: MetricsAddress,
        logger: Logger,
        text: @escaping @Sendable () -> String
    ) throws(CommandFailure) {
        do throws(Errno) {
            (listener, self.address) = try ListeningSocket.open(address)
        } catch {
            throw CommandFailure(
                .cannotCreate,
                "--metrics \(address) cannot be listened on: \(error)",
                try: "--metrics 127.0.0.1:0, which takes a free port"
            )
        }
        logger.notice("metrics are at \(self.address)")
        PlainThread.start(named: "metrics") { [self] in
            accept(text)
            ended.signal()
        }
    }

    /// Takes no more clients, and waits for the last.
    func stop() {
        if case .unix(let path) = address { unlink(path) }
        // Shut down and not closed: the accepting thread still uses the number.
        shutdown(listener, Int32(SHUT_RDWR))
        if ended.wait(timeout: .now() + .seconds(2 * Self.patience)) == .success { close(listener) }
    }

    private func accept(_ text: () -> String) {
        while true {
            let client = accept4(listener, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
            guard client >= 0 else {
                // EINVAL is what `stop` causes; the others concern one client, or pass (EMFILE).
                if errno == EINVAL { return }
                usleep(10_000)
                continue
            }
            answer(client, text)
            close(client)
        }
    }

    private func answer(_ client: Int32, _ text: () -> String) {
        var time = timeval(tv_sec: Self.patience, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(client, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
        guard let request = Self.request(from: client) else { return }
        System.write(MetricsAnswer(to: request, text: text).bytes, to: client)
        // What is unread when a socket is closed resets the connection, and the answer with it.
        shutdown(client, Int32(SHUT_WR))
        var rest = [UInt8](repeating: 0, count: 4096)
        while read(client, &rest, rest.count) > 0 {}
    }

    /// The request's head up to its empty line, or `nil` where none comes, or one of more than 8 KiB.
    private static func request(from client: Int32) -> String? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 2048)
        while bytes.count < 8 << 10 {
            let count = read(client, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
            let head = String(decoding: bytes, as: UTF8.self)
            // "\r\n" is one Character, hence by bytes.
            if bytes.suffix(4) == Array("\r\n\r\n".utf8)[...] { return head }
        }
        return nil
    }
}

/// What is said to a request, as HTTP/1.1 has it; the connection ends with it.
struct MetricsAnswer {
    let bytes: [UInt8]

    init(to request: String, text: () -> String) {
        let words = (request.split(whereSeparator: \.isNewline).first ?? "").split(separator: " ")
        let (method, path) = (words.first ?? "", words.dropFirst().first?.prefix { $0 != "?" } ?? "")
        let (status, type, body): (String, String, String) =
            switch (method, path) {
            case ("GET", "/metrics"), ("HEAD", "/metrics"):
                ("200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", text())
            case ("GET", _), ("HEAD", _): ("404 Not Found", "text/plain", "metrics are at /metrics\n")
            default: ("405 Method Not Allowed", "text/plain", "GET, or HEAD\n")
            }
        let head = [
            "HTTP/1.1 \(status)", "Content-Type: \(type)", "Content-Length: \(body.utf8.count)", "Connection: close",
            "", "",
        ].joined(separator: "\r\n")
        bytes = Array(head.utf8) + (method == "HEAD" ? [] : Array(body.utf8))
    }
}
