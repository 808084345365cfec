import BlobReading
import BlobWriting
import FileSystemSuite
import Foundation
import FuseBinding
import Glibc
import Logging
import OutputTree
import Synchronization
import TestSupport

/// A world with a kernel: trees over one store in memory, mounted.
///
/// A mount that hangs is aborted after a minute, so that whoever waits in it gets an error and its test fails; if this
/// process dies, a small guard does the same, for a process cannot end while its threads wait for its own answers.
final class MountWorld: World {
    let store = MemoryStore()
    /// Short, so that little time is spent waiting for it to pass.
    private let validity: Duration = .milliseconds(200)
    private let options: TreeOptions
    private let usesPassthrough: Bool
    /// Shared by all mounts; `nil` without a cache on disk.
    private let cache: TemporaryName?
    private let mounts = Mutex<[TreeMount]>([])
    let mount: TreeMount

    init(
        usesPassthrough: Bool = true,
        usesDisk: Bool = false,
        _ change: (inout TreeOptions) -> Void = { _ in }
    ) throws {
        var options = TreeOptions(userID: geteuid(), groupID: getegid())
        options.attributeValidity = validity
        change(&options)
        self.options = options
        self.usesPassthrough = usesPassthrough
        cache = usesDisk ? TemporaryName() : nil
        mount = try TreeMount(store, options, usesPassthrough: usesPassthrough, cache: cache?.path)
        mounts.withLock { $0.append(mount) }
    }

    var files: any FileOperations { mount.files }

    func anotherMount() throws -> any FileOperations { try secondMount().files }

    func secondMount() throws -> TreeMount {
        let other = try TreeMount(store, options, usesPassthrough: usesPassthrough, cache: cache?.path)
        mounts.withLock { $0.append(other) }
        return other
    }

    func letValidityPass() { usleep(250_000) }

    /// Unmounts all; a mount that had to be aborted fails the test.
    func end() { for mount in mounts.withLock({ $0 }) { mount.end() } }
}
