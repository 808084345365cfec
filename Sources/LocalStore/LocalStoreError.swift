internal import Glibc

/// A refusal of the local disk: which call, on what, and the errno that the program is to see.
package struct LocalStoreError: Error, Sendable, Hashable, CustomStringConvertible {
    /// As in errno(3); positive.
    package let errno: Int32
    /// The system call ("pwrite").
    package let operation: String
    /// The directory or file, for people.
    package let path: String

    package init(errno: Int32, operation: String, path: String) {
        self.errno = errno
        self.operation = operation
        self.path = path
    }

    package var description: String { "\(operation) \(path): \(String(cString: strerror(errno)))" }
}
