import BlobStorage
import Glibc
import Testing

@testable import OutputFSCommands

/// The pure parts of mounting.
struct MountingTests {
    @Test(arguments: [
        ("/a/b", "/a/b", true), ("/a/b/c", "/a/b", true), ("/a/bc", "/a/b", false), ("/a", "/a/b", false),
        ("/x", "/", true),
    ])
    func `a path is inside a directory by whole names`(_ path: String, _ directory: String, _ expected: Bool) {
        #expect(Path.isInside(path, directory) == expected)
    }

    @Test func `composed and decomposed letters are two directories`() {
        #expect(!Path.isInside("/caf\u{65}\u{301}/x", "/caf\u{E9}"))
    }

    @Test(arguments: [(0o700, 0o700), (0o711, 0o700), (0o755, 0o700), (0o700, 0o755)] as [(UInt32, UInt32)])
    func `a runtime directory of ours gets the mode that it should have`(_ there: UInt32, _ wanted: UInt32) throws {
        let path = "/tmp/outputfs-runtime-\(UInt64.random(in: 0...UInt64.max))"
        mkdir(path, 0o700)
        chmod(path, there)
        defer { rmdir(path) }
        try RuntimeDirectory.make(path, mode: wanted)
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & 0o7777 == wanted)
    }

    @Test func `a runtime directory that others could have filled, or that is a link, is refused`() throws {
        let path = "/tmp/outputfs-runtime-\(UInt64.random(in: 0...UInt64.max))"
        mkdir(path, 0o700)
        chmod(path, 0o777)
        symlink(path, path + ".link")
        defer {
            rmdir(path)
            unlink(path + ".link")
        }
        #expect(throws: CommandFailure.self) { try RuntimeDirectory.make(path) }
        chmod(path, 0o700)
        #expect(throws: CommandFailure.self) { try RuntimeDirectory.make(path + ".link", mode: 0o755) }
    }

    @Test func `each mount point has a socket of its own that fits into an address`() {
        let directory = RuntimeDirectory.path(userID: 1000, environment: ["XDG_RUNTIME_DIR": "/run/user/1000"])
        #expect(directory == "/run/user/1000/outputfs")
        #expect(RuntimeDirectory.path(userID: 0, environment: ["XDG_RUNTIME_DIR": "/run/user/0"]) == "/run/outputfs")
        #expect(RuntimeDirectory.path(userID: 7, environment: [:]) == "/tmp/outputfs-7")
        let one = RuntimeDirectory.socket(of: "/mnt/a", in: directory)
        let long = RuntimeDirectory.socket(of: "/mnt/" + String(repeating: "x", count: 4000), in: directory)
        #expect(one != RuntimeDirectory.socket(of: "/mnt/b", in: directory))
        #expect(one.utf8.count == long.utf8.count && long.utf8.count < 108)
    }

    private static let refusals: [(StorageError.Kind, String?, Int?, OutputFSCommands.ExitStatus)] = [
        (.unauthenticated, "AuthenticationFailed", 403, .denied),
        (.notFound, "ContainerNotFound", 404, .notFound),
        (.denied, "KeyBasedAuthenticationNotPermitted", 403, .denied),
        (.unavailable, nil, nil, .unavailable),
        (.corrupted, nil, 200, .unavailable),
    ]

    @Test(arguments: refusals)
    func `a failed first request is told with its code, the place, and a remedy`(
        _ kind: StorageError.Kind,
        _ code: String?,
        _ status: Int?,
        _ expected: OutputFSCommands.ExitStatus
    ) throws {
        let error = StorageError(
            kind,
            .permanent,
            operation: "List Containers",
            resource: "",
            message: "why",
            status: status,
            code: code
        )
        let failure = try #require(StorageCheck.failure(error, source: "https://farm", endpoint: "https://farm"))
        #expect(failure.status == expected)
        #expect(failure.what.contains("https://farm"))
        #expect(code.map { failure.what.contains($0) } ?? true)
        #expect(!failure.remedies.isEmpty)
    }

    @Test func `credentials that may not list are good enough`() {
        let error = StorageError(
            .denied,
            .permanent,
            operation: "List Containers",
            resource: "",
            message: "no",
            status: 403,
            code: "AuthorizationPermissionMismatch"
        )
        #expect(StorageCheck.failure(error, source: "s", endpoint: "e") == nil)
    }
}
