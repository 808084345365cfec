internal import AzureBlob
internal import Glibc

extension ChildProcess {
    /// Runs a program to its end, for so long at most, and keeps its two streams apart. What has not ended then is
    /// killed, with everything that it started.
    static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String],
        timeout: Duration
    ) -> IdentityCommandOutcome {
        guard let output = Pipe(), let errors = Pipe() else { return .notStarted("\(Errno())") }
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { if null >= 0 { close(null) } }
        let started = start(
            path,
            [path] + arguments,
            environment: environment,
            streams: Streams(input: null, output: output.writeEnd, error: errors.writeEnd),
            startsSession: true
        )
        output.closeWriteEnd()
        errors.closeWriteEnd()
        guard case .success(let child) = started else {
            guard case .failure(let error) = started else { return .timedOut }
            return .notStarted("\(error)")
        }
        guard let texts = read(output.readEnd, errors.readEnd, until: .now + timeout) else {
            kill(-child.processID, SIGKILL)
            _ = child.wait()
            return .timedOut
        }
        return .ended(status: child.wait(), output: texts.output, errors: texts.errors)
    }

    /// Both to their ends; `nil` when time was up before.
    private static func read(
        _ output: Int32,
        _ errors: Int32,
        until deadline: ContinuousClock.Instant
    ) -> (output: [UInt8], errors: [UInt8])? {
        var polled = [output, errors].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var texts: [[UInt8]] = [[], []]
        var chunk = [UInt8](repeating: 0, count: 4096)
        while polled.contains(where: { $0.fd >= 0 }) {
            let rest = ContinuousClock.now.duration(to: deadline)
            guard rest > .zero else { return nil }
            let milliseconds = rest.components.seconds * 1000 + rest.components.attoseconds / 1_000_000_000_000_000
            guard poll(&polled, 2, Int32(clamping: milliseconds + 1)) >= 0 || errno == EINTR else { return nil }
            for index in polled.indices where polled[index].revents != 0 {
                let count = Glibc.read(polled[index].fd, &chunk, chunk.count)
                if count > 0, texts[index].count < 1 << 20 {
                    texts[index] += chunk[..<count]
                } else if count == 0 || count < 0 && errno != EINTR {
                    // poll(2) passes over negative ones.
                    polled[index].fd = -1
                }
                polled[index].revents = 0
            }
        }
        return (texts[0], texts[1])
    }
}
