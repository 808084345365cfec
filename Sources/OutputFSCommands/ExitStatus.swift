/// How the program ends: the numbers of sysexits.h, where they fit. The table is in docs/CONFIGURATION.md.
enum ExitStatus: Int32, CaseIterable, Sendable {
    case success = 0
    /// It ran, and what it was asked for is not so: a demo read other bytes than it wrote, a file could not be warmed.
    case failure = 1
    /// The command line or the environment makes no sense. ArgumentParser uses the same number.
    case usage = 64
    /// `verify` found nothing wrong, and nothing that says what the bytes should be: to a script that is no success.
    case unverified = 65
    /// Something that was named is not there: a mount point, a file, a container, a mount.
    case notFound = 66
    /// The account's name does not resolve, or the endpoint does not answer.
    case unavailable = 69
    /// The machine lacks something: no /dev/fuse, no fusermount3, no free descriptor.
    case system = 71
    /// A file, directory or socket cannot be made: address in use, log or journal directory not writable.
    case cannotCreate = 73
    /// Bytes that were closed or fsynced are not all in the store.
    case notUploaded = 74
    /// Not now, perhaps later: mounted already, busy, still uploading.
    case busy = 75
    /// Wrong key, expired SAS, or not allowed.
    case denied = 77
    /// A file with settings or secrets cannot be read or understood.
    case configuration = 78
    /// Ctrl-C or SIGTERM came before the end: 128 and SIGINT, as shells count.
    case interrupted = 130
}

/// Why a command ends without success: what and where, then what to do about it.
struct CommandFailure: Error, Sendable, Equatable {
    var status: ExitStatus
    /// One sentence with the name of the thing, without secrets.
    var what: String
    /// What the user can do; one line each.
    var remedies: [String]

    init(_ status: ExitStatus, _ what: String, try remedies: String...) {
        self.status = status
        self.what = what
        self.remedies = remedies
    }

    init(_ status: ExitStatus, _ what: String, remedies: [String]) {
        self.status = status
        self.what = what
        self.remedies = remedies
    }

    /// As it is printed on stderr.
    var report: String {
        (["outputfs: \(what)"] + remedies.map { "  try: \($0)" }).joined(separator: "\n")
    }
}
