internal import Glibc

/// What people and scripts read: results on stdout, everything else on stderr.
enum Terminal {
    /// A line of results; ends the program where stdout does not take it.
    static func print(_ text: String) { write((text + "\n").utf8) }

    /// Bytes of results, as they are.
    static func write(_ bytes: some Collection<UInt8>) {
        if let error = send(bytes) { end(error) }
    }

    /// For who has something to put away before the program ends.
    static func send(_ bytes: some Collection<UInt8>) -> Errno? {
        System.write(bytes, to: STDOUT_FILENO) ? nil : Errno()
    }

    /// Half of the results are none: a full disk is said, and status 1. Who closes a pipe (`| head`) has had enough: that is
    /// the quiet end by SIGPIPE of other programs, 141 in a shell, also where the signal was ignored for the sake of sockets.
    static func end(_ error: Errno) -> Never {
        if error.code == EPIPE {
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        Terminal.error(unwritable(error))
        System.exit(.failure)
    }

    static func unwritable(_ error: Errno) -> String { "outputfs: standard output cannot be written: \(error)" }

    static func error(_ text: String) { System.write((text + "\n").utf8, to: STDERR_FILENO) }
}
