/// Why a session could not be made, mounted, run or unmounted: what, where, and what to do about it.
package struct SessionError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        case invalidOption
        case mountPointMissing
        case mountPointNotADirectory
        /// A FUSE file system is mounted there already.
        case alreadyMounted
        /// A FUSE file system is mounted there whose process is gone (ENOTCONN).
        case deadMount
        /// No /dev/fuse.
        case deviceMissing
        /// No fusermount3, which every user but root needs.
        case helperMissing
        case notPermitted
        /// EBUSY at unmount: somebody has a file open or works in a directory there.
        case busy
        /// The kernel or fusermount3 refused for another reason.
        case refused
        /// A thread or a descriptor that the session needs was not to be had.
        case resources
    }

    package let code: Code
    /// The path or option that it is about.
    package let subject: String
    /// What went wrong, without the subject.
    package let reason: String
    /// What the user can do; one sentence, perhaps empty.
    package let remedy: String

    package init(_ code: Code, _ subject: String, _ reason: String, remedy: String = "") {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
    }

    package var description: String { "\(subject): \(reason)" + (remedy.isEmpty ? "" : ". \(remedy)") }
}
