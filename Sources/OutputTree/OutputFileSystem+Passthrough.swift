import BlobReading
import BlobStorage
package import FileSystemModel
import Glibc
import LocalStore
import OutputConventions
import Synchronization

/// Files that the kernel reads by itself (FUSE passthrough), from the clean file of their version.
///
/// The kernel does not look past that file: what is written through other descriptors here would stay hidden. So a node
/// has such readers only while nothing can change it here; who wants to change it is sent to another node (`detach`).
extension OutputFileSystem {
    package func start(_ kernel: KernelCapabilities) {
        mayPassThrough.store(kernel.passthrough, ordering: .relaxed)
    }

    /// A version's local copy, for an open that is about to be answered.
    struct Backing: Sendable {
        let lease: CleanFileLease
        /// Of the version that it holds.
        let reader: BlobReader
    }

    /// `nil` also where the bytes are not all here, or not verified yet: then the open is served by this process.
    func backing(for node: FileNode, _ flags: OpenFlags) async -> Backing? {
        // O_DIRECT is for file systems that have it; the one below may not, and then the open would fail.
        guard mayPassThrough.load(ordering: .relaxed), !flags.allowsWriting, !flags.isDirect else { return nil }
        let reader = node.withState { $0.mayBeBacked(options) && $0.lease == nil ? $0.reader : nil }
        guard let reader, let lease = await reader.lease(), lease.length == reader.length else { return nil }
        // What came faster than the page cache took it lies on the disk alone: where the kernel has it in the mount's own
        // pages, those are faster.
        guard !(lease.isPastPageCache && node.pagesRead.hold(mostOf: lease.length)) else { return nil }
        return Backing(lease: lease, reader: reader)
    }

    /// Somebody is about to change a file that the kernel reads from a local copy. Those readers keep the node, and the
    /// bytes of their open; the name gets another node, which the kernel finds after this error.
    func detach(_ node: FileNode) -> FileSystemError {
        let (address, facts, learnedAt) = node.withState { file in
            file.isDetached = true
            return (file.address, file.facts, file.learnedAt)
        }
        guard let facts, nodes.file(at: address) === node else {
            return FileSystemError(errno: ESTALE, "\(address) was looked up before somebody here began to change it")
        }
        nodes.detach(node)
        let other = nodes.lookUpNode(file: address, facts: facts, startedAt: learnedAt)
        // The kernel tries once more, and once only: no reader may be faster.
        other.withState { $0.expectsChange = true }
        changes.record(file: address, .present(other), at: clock.monotonic(), holdsNode: true)
        nodes.forget(other.id, count: 1)
        return FileSystemError(errno: ESTALE, "\(address) has readers whom the kernel serves: it gets another node")
    }

    /// To be called before a file is opened for writing, or changed by name.
    func requireChangeable(_ node: FileNode) throws(FileSystemError) {
        let isChangeable = node.withState { file in
            file.expectsChange = true
            return file.backedCount == 0 && !file.isDetached
        }
        if !isChangeable { throw detach(node) }
    }
}

extension FileState {
    /// Whether the bytes that the store has are what all descriptors here see, and stay so.
    func mayBeBacked(_ options: TreeOptions) -> Bool {
        local == nil && writerCount == 0 && !expectsChange && !hasUnsentContent && !isUnlinked && !isDetached
            && facts?.type == .block
            // Written while it is read.
            && !options.trackedKinds.contain(blobName: address.name)
            // The kernel lets all opens of an inode be of one kind.
            && backedCount == openCount
    }

    /// The local copy that an open is to be served from, if any: that of those that are there, or the one that it brings.
    mutating func takeLease(_ backing: OutputFileSystem.Backing?, _ options: TreeOptions) -> CleanFileLease? {
        if lease == nil, mayBeBacked(options), let backing, backing.reader === reader { lease = backing.lease }
        return lease
    }

    /// Counts an open in that the kernel serves: with a lease, or beside others of which a keeper has it since the process
    /// that took it was killed.
    mutating func countBacked(_ lease: CleanFileLease?) -> Bool {
        let isBacked = lease != nil || backedCount > 0
        if isBacked { backedCount += 1 }
        return isBacked
    }

    /// Such an open has ended. What is returned must be let go of without the lock.
    mutating func giveBackLease() -> CleanFileLease? {
        backedCount -= 1
        return backedCount == 0 ? lease.take() : nil
    }
}
