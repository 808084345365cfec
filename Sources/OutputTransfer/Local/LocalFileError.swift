internal import Glibc

/// What the operating system said of a file on this machine.
package struct LocalFileError: Error, Sendable, Hashable, CustomStringConvertible {
    package let path: String
    /// In words: "cannot be read".
    package let problem: String
    /// 0 where the problem is none of the system's.
    package let code: Int32

    init(_ path: String, _ problem: String, code: Int32 = 0) {
        self.path = path
        self.problem = problem
        self.code = code
    }

    /// With the reason that the last call left in `errno`.
    static func last(_ path: String, _ problem: String) -> LocalFileError {
        LocalFileError(path, problem, code: errno)
    }

    /// The file is not there.
    package var isMissing: Bool { code == ENOENT }

    /// The target takes nothing more, whichever file it is: no room, no quota, no writing at all.
    package var isTargetsEnd: Bool { code == ENOSPC || code == EDQUOT || code == EROFS }

    /// What is wrong with the file, without its name.
    var reason: String { code == 0 ? problem : "\(problem): \(String(cString: strerror(code)))" }

    package var description: String { "\(path) \(reason)" }
}
