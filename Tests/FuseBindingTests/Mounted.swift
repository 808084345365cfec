import CFuse3
import FileSystemModel
import Glibc
import Logging
import Synchronization
import Testing

@testable import FuseBinding

/// Whether this machine lets the tests mount.
let canMount = access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0

/// Whether the kernel takes backing files: by the first two numbers of its release.
let canPassThrough: Bool = {
    let release = textFile("/proc/sys/kernel/osrelease") ?? ""
    let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
    return canMount && numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 9)
}()

/// Makes an empty directory to mount over.
func scratchDirectory() throws -> String {
    var template = Array("/tmp/outputfs-test-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { name in name.baseAddress.flatMap { mkdtemp($0) } != nil }
    try #require(made)
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// A file system that is mounted for the length of one test.
struct Mounted: Sendable {
    let path: String
    let session: FuseSession

    func path(_ name: String) -> String { path + "/" + name }
}

/// Mounts `fileSystem`, runs `body` on a thread of its own, and takes the mount away, whatever happened.
///
/// A watchdog cuts the connection after 20 s, so that a mount that hangs fails its test instead of the whole run:
/// every call in it then ends with ENOTCONN.
func mounted(
    _ fileSystem: any FileSystem,
    options change: (inout SessionOptions) -> Void = { _ in },
    _ body: @escaping @Sendable (Mounted) throws -> Void
) async throws {
    let path = try scratchDirectory()
    defer { rmdir(path) }
    var options = SessionOptions(mountPoint: path, fsName: "toy://test")
    change(&options)
    let session = try FuseSession(
        fileSystem: fileSystem,
        options: options,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    )
    try session.mount()
    let runner = try PlainThread(name: "session") { session.run() }
    let isOver = Held<Void>()
    let watchdog = try PlainThread(name: "watchdog") {
        for _ in 0..<2 where isOver.take() == nil { umount2(path, 1) }  // MNT_FORCE, after 20 s and again
    }
    let mount = Mounted(path: path, session: session)
    let result: Result<Void, any Error>
    do { result = .success(try await offPool { try body(mount) }) } catch { result = .failure(error) }
    umount2(path, 2)  // MNT_DETACH
    runner.join()
    isOver.put(())
    isOver.put(())
    watchdog.join()
    try result.get()
}

// MARK: Small system calls for tests

/// Opens, or fails the test with the errno.
func opened(_ path: String, _ flags: Int32, _ mode: mode_t = 0o644) throws -> Int32 {
    let descriptor = open(path, flags | O_CLOEXEC, mode)
    let reason = errno
    try #require(descriptor >= 0, "open \(path): \(String(cString: strerror(reason)))")
    return descriptor
}

/// The errno of a call that should fail; 0 if it did not.
func errnoOf(_ call: () -> Int32) -> Int32 { call() < 0 ? errno : 0 }

func readAll(_ path: String, _ flags: Int32 = 0) throws -> [UInt8] {
    let descriptor = try opened(path, O_RDONLY | flags)
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    // On a page boundary: a buffer that touches 257 pages would make two requests of each read.
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        try #require(count >= 0)
        if count == 0 { return bytes }
        bytes += buffer[..<count]
    }
}

func writeAll(_ path: String, _ bytes: [UInt8], _ flags: Int32 = O_CREAT | O_TRUNC) throws {
    let descriptor = try opened(path, O_WRONLY | flags)
    try #require(write(descriptor, bytes, bytes.count) == bytes.count)
    try #require(close(descriptor) == 0)
}

func names(in path: String) throws -> [String] {
    let directory = try #require(opendir(path))
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = Glibc.readdir(directory) {
        names.append(
            withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        )
    }
    return names.filter { $0 != "." && $0 != ".." }
}

/// Starts a program, with no signals blocked (the tests' own threads block them all).
func spawned(_ arguments: [String]) throws -> pid_t {
    let argv = arguments.map { (word: String) in strdup(word) } + [nil]
    defer { for word in argv { free(word) } }
    var none = sigset_t()
    sigemptyset(&none)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var child = pid_t()
    try #require(posix_spawn(&child, arguments[0], nil, &attributes, argv, [nil]) == 0)
    return child
}

/// Waits up to 20 s for a child's end; its wait status.
func ended(_ child: pid_t) -> Int32? {
    var status: Int32 = 0
    return becomesTrue { waitpid(child, &status, WNOHANG) == child } ? status : nil
}
