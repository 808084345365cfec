internal import Glibc

/// How far the kernel reads ahead through the page cache.
enum KernelReadAhead {
    /// One whole request. 128 KiB, the default, makes eight requests of it (1.2 to 1.5 times slower); above 4 MiB it
    /// gets worse.
    private static let kibibytes = 1024

    /// Raises it for a mount whose INIT has been answered (INIT itself can only lower it). Only root may.
    static func raise(for mount: MountTableEntry) {
        let path = "/sys/class/bdi/\(mount.device)/read_ahead_kb"
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let text = "\(kibibytes)"
        _ = text.withCString { write(descriptor, $0, text.utf8.count) }
    }
}
