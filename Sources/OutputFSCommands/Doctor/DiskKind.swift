internal import CLinux
internal import Glibc

/// What a directory lies on, as far as bytes that must not be lost care.
enum DiskKind: Sendable, Equatable {
    case memory, network, fuse, container, disk

    /// - Parameter magic: `f_type` of statfs(2), as <linux/magic.h> has it.
    init(magic: Int) {
        switch magic {
        case 0x0102_1994, 0x8584_58F6: self = .memory  // tmpfs, ramfs
        // NFS, SMB in its three ages, CephFS, Lustre.
        case 0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x517B, 0x00C3_6400, 0x0BD0_0BD0: self = .network
        case 0x6573_5546: self = .fuse
        case 0x794C_7630: self = .container  // overlayfs
        default: self = .disk
        }
    }

    /// - Parameter directory: one that is there.
    init(of directory: String) {
        self.init(magic: Int(clinux_file_system_magic(directory)))
    }

    /// Why bytes that must outlive the process and the machine do not belong there.
    var concern: String? {
        switch self {
        case .memory: "it is memory (tmpfs): what waits there is gone after a reboot, and takes memory"
        case .network: "it is on the network: each write waits for another machine"
        case .fuse: "it is a FUSE file system: what its process loses is lost"
        case .container: "it is the container's own layer: what waits there is gone with the container"
        case .disk: nil
        }
    }

    /// Writes a block without a name, makes it safe, and lets go of it.
    static func objection(toWritingIn directory: String) -> Errno? {
        let descriptor = open(directory, O_RDWR | O_CLOEXEC | Int32(clinux_o_tmpfile), 0o600)
        guard descriptor >= 0 else {
            let error = Errno()
            // File systems without files that have no name (NFS, older overlayfs) are not the worse for it.
            return [EOPNOTSUPP, EISDIR, ENOENT].contains(error.code) ? nil : error
        }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0x55, count: 4096)
        guard write(descriptor, block, block.count) == block.count, fsync(descriptor) == 0 else { return Errno() }
        return nil
    }
}
