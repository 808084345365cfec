internal import Glibc

/// What people and scripts read: results on stdout, everything else on stderr.
enum Terminal {
    static func print(_ text: String) { System.write((text + "\n").utf8, to: STDOUT_FILENO) }

    static func error(_ text: String) { System.write((text + "\n").utf8, to: STDERR_FILENO) }
}
