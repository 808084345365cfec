import FileSystemModel
internal import Glibc

/// Who serves the open files of each inode: this process, or the kernel from a backing file.
///
/// The kernel (fs/fuse/iomode.c) lets all opens of an inode be of one kind at a time: once one is passthrough, every
/// further one must name the same backing file, and while one goes through the page cache none may be passthrough;
/// a wrong reply fails the program's open with EIO. So every open follows the mode of those that exist. Direct opens
/// count as ours, because a shared mapping of one enters the page cache without a word. The mode ends with the last
/// RELEASE, which the kernel sends after it has left the mode itself.
struct OpenModes: Sendable {
    private enum Mode {
        case ours(count: Int)
        case backed(id: Int32, count: Int)
    }

    /// How an open is to be answered.
    enum Decision: Equatable {
        case ours
        case backed(id: Int32)
        /// Refuse with ESTALE: the kernel would write into the local copy of a committed version. It reopens the
        /// backing file with the program's flags, whatever the registered descriptor allows.
        case refused
    }

    private var modes: [NodeID: Mode] = [:]

    var isEmpty: Bool { modes.isEmpty }

    /// What is to be known of a node by the process that follows: the kernel's id of the backing file (0: we serve it),
    /// and how many opens there are. `nil` without any.
    func record(_ node: NodeID) -> (id: Int32, count: UInt32)? {
        switch modes[node] {
        case .ours(let count): (0, UInt32(clamping: count))
        case .backed(let id, let count): (id, UInt32(clamping: count))
        case nil: nil
        }
    }

    /// The kernel's opens and ids go on under another process.
    mutating func restore(_ node: NodeID, id: Int32, count: UInt32) {
        modes[node] = id == 0 ? .ours(count: Int(count)) : .backed(id: id, count: Int(count))
    }

    /// Whether an open that brings a backing file should have it registered: not if the mode is decided already.
    func wantsBacking(_ node: NodeID) -> Bool { modes[node] == nil }

    /// Counts an open in.
    ///
    /// - Parameters:
    ///   - id: what the kernel calls the backing file that was registered for this open.
    ///   - mayShareBacking: a reader, or somebody who brought a backing file of his own.
    mutating func open(_ node: NodeID, id: Int32?, mayShareBacking: Bool) -> Decision {
        switch modes[node] {
        case .ours(let count):
            modes[node] = .ours(count: count + 1)
            return .ours
        case .backed(let existing, let count):
            guard mayShareBacking else { return .refused }
            modes[node] = .backed(id: existing, count: count + 1)
            return .backed(id: existing)
        case nil:
            guard let id else {
                modes[node] = .ours(count: 1)
                return .ours
            }
            modes[node] = .backed(id: id, count: 1)
            return .backed(id: id)
        }
    }

    /// Counts an open out; the id of a backing file that nobody uses any more.
    mutating func release(_ node: NodeID) -> Int32? {
        switch modes[node] {
        case .ours(let count):
            modes[node] = count > 1 ? .ours(count: count - 1) : nil
            return nil
        case .backed(let id, let count):
            modes[node] = count > 1 ? .backed(id: id, count: count - 1) : nil
            return count > 1 ? nil : id
        case nil:
            return nil
        }
    }
}
