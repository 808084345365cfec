internal import Glibc

/// Taking a mount away from outside, when no daemon does it.
enum Unmounting {
    /// umount2(2) for root, fusermount3 for others. The reason why not, or `nil`.
    static func detach(_ mountPoint: String, lazily: Bool) -> String? {
        if System.userID == 0 {
            // UMOUNT_NOFOLLOW: what was checked is what is unmounted.
            let flags = Int32(lazily ? 2 : 0) | 8
            return umount2(mountPoint, flags) == 0 ? nil : Errno().description
        }
        let arguments = (lazily ? ["-u", "-z"] : ["-u"]) + ["--", mountPoint]
        switch ChildProcess.run("fusermount3", arguments) {
        case .failure(let error): return "fusermount3: \(error)"
        case .success((0, _)): return nil
        case .success((_, let output)):
            return output.split(separator: "\n").last.map(String.init) ?? "fusermount3 failed"
        }
    }
}
