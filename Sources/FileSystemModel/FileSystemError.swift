/// A refusal on its way to the kernel: the errno that the program sees, and the words for the log.
package struct FileSystemError: Error, Sendable, CustomStringConvertible {
    /// As in errno(3); positive.
    package let errno: Int32
    /// What went wrong, with the name of the thing; for people, never for programs.
    package let reason: String

    package init(errno: Int32, _ reason: String) {
        self.errno = errno
        self.reason = reason
    }

    package var description: String { "\(reason) (errno \(errno))" }
}
