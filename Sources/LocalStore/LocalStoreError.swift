internal import Glibc

/// A refusal of the local disk: which call, on what, and the errno that the program is to see.
package struct LocalStoreError: Error, Sendable, Hashable, CustomStringConvertible {
    /// As in errno(3); positive.
    package let errno: Int32
    /// The system call ("pwrite").
    package let operation: String
    /// The directory or file, for people.
    package let path: String
    /// What is the matter, where the number alone does not say it: the rest of a sentence about `path`.
    package let reason: String?

    package init(errno: Int32, operation: String, path: String, reason: String? = nil) {
        self.errno = errno
        self.operation = operation
        self.path = path
        self.reason = reason
    }

    package var description: String {
        if let reason { return "\(path) \(reason)" }
        return "\(operation) \(path): \(String(cString: strerror(errno)))"
    }
}
