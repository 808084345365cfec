internal import Glibc

/// The signals of one thread, as /proc/<tid>/status shows them: does it still want to wait for its system call?
///
/// FUSE_INTERRUPT comes for any signal that is handled: the timers of a profiler, SIGURG by which Go preempts
/// itself, SIGCHLD. Those must not make close() or read() fail. It ends a call only if the process is about to die
/// or somebody pressed Ctrl-C.
struct PendingSignals: Equatable {
    /// Bit n - 1 for signal n; SigPnd and ShdPnd together.
    var pending: UInt64 = 0
    var blocked: UInt64 = 0
    var ignored: UInt64 = 0
    var caught: UInt64 = 0

    init(pending: UInt64, blocked: UInt64, ignored: UInt64, caught: UInt64) {
        self.pending = pending
        self.blocked = blocked
        self.ignored = ignored
        self.caught = caught
    }

    /// Parses the text of /proc/<tid>/status.
    init(status: String) {
        for line in status.utf8.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
            func mask() -> UInt64 { UInt64(Substring(value), radix: 16) ?? 0 }
            switch String(Substring(line[..<colon])) {
            case "SigPnd", "ShdPnd": pending |= mask()
            case "SigBlk": blocked = mask()
            case "SigIgn": ignored = mask()
            case "SigCgt": caught = mask()
            default: break
            }
        }
    }

    private static func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

    /// Signals whose default action does not end the process.
    private static let harmless =
        bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGSTOP) | bit(SIGTSTP) | bit(SIGTTIN)
        | bit(SIGTTOU)

    /// Whether the system call should end now.
    ///
    /// A fatal signal without a core dump shows as SIGKILL at every thread; one with (SIGQUIT) shows as itself.
    var endsCall: Bool {
        if pending & Self.bit(SIGKILL) != 0 { return true }
        let deliverable = pending & ~blocked & ~ignored
        if deliverable & Self.bit(SIGINT) != 0 { return true }
        return deliverable & ~caught & ~Self.harmless != 0
    }
}

/// Whether the thread `tid` no longer wants to wait.
///
/// True when it is gone. False when that cannot be known (it lives in another PID namespace, which shows as 0, or
/// /proc is closed to us): a call that goes on to its deadline is better than a close that fails for no reason.
func callerGaveUp(_ tid: Int32) -> Bool {
    guard tid > 0 else { return false }
    let descriptor = open("/proc/\(tid)/status", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno == ENOENT }
    defer { close(descriptor) }
    // About 1.4 KiB; procfs hands it out in one read.
    let text = withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { buffer -> String? in
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
    guard let text else { return true }  // ESRCH: it ended between open and read
    return PendingSignals(status: text).endsCall
}
