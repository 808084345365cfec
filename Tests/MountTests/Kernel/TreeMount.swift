import BlobStorage
import FileSystemSuite
import Foundation
import FuseBinding
import Glibc
import Logging
import OutputTree
import Synchronization
import Testing

/// One tree, mounted in a folder of its own by this process.
final class TreeMount: Sendable {
    let tree: OutputFileSystem
    let root: String
    let files: SystemFiles
    private let folder: String
    private let session: FuseSession
    private let running: Worker<Void>
    private let watchdog: Watchdog

    init(_ store: any BlobStore, _ options: TreeOptions, usesPassthrough: Bool, cache: String? = nil) throws {
        folder = NSTemporaryDirectory() + "/outputfs-mount-" + UUID().uuidString
        root = folder + "/mnt"
        let spool = folder + "/spool"
        for path in [root, spool] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        tree = try makeTree(over: store, options: options, spool: spool, cache: cache, clock: .system)
        var sessionOptions = SessionOptions(mountPoint: root, fsName: "suite")
        sessionOptions.usesPassthrough = usesPassthrough
        let logger = Logger(label: "suite") { _ in SwiftLogNoOpLogHandler() }
        let session = try FuseSession(fileSystem: tree, options: sessionOptions, logger: logger)
        try session.mount()
        self.session = session
        running = Worker { session.run() }
        watchdog = try Watchdog(root, minutes: 1)
        files = SystemFiles(root: root)
    }

    /// Requests that the kernel sent so far, by the names of <linux/fuse.h> in small letters.
    var requestCounts: [String: UInt64] { session.requestCounts }

    func end() {
        // A child that another test starts at this moment has a copy of every descriptor until it executes its program.
        var failure: SessionError?
        let isUnmounted = eventually {
            do throws(SessionError) {
                try session.unmount(lazily: false)
                return true
            } catch {
                failure = error
                return error.code != .busy
            }
        }
        if !isUnmounted || (failure != nil && failure?.code != .busy) {
            Issue.record("unmount: \(failure.map { "\($0)" } ?? "")")
            watchdog.abort()
        }
        do { try running.join() } catch { Issue.record("the session's thread: \(error)") }
        if watchdog.stop() { Issue.record("the mount hung and was aborted") }
        tree.shutDown()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
