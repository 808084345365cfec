import FileSystemModel
import Glibc
import Testing

@testable import FuseBinding

struct SessionOptionsTests {
    private func options(_ change: (inout SessionOptions) -> Void = { _ in }) -> SessionOptions {
        var options = SessionOptions(mountPoint: "/mnt", fsName: "https://a.blob.core.windows.net/")
        change(&options)
        return options
    }

    @Test func `a plain mount is guarded and names its source`() throws {
        #expect(
            try options().mountArguments() == [
                "fsname=https://a.blob.core.windows.net/", "subtype=outputfs", "default_permissions", "nosuid",
                "nodev", "max_read=1048576",
            ]
        )
    }

    @Test func `what the options ask for is handed on`() throws {
        let arguments = try options { options in
            options.allowOther = true
            options.isReadOnly = true
            options.mountFlags = ["noexec", "noatime"]
        }.mountArguments()
        #expect(arguments.suffix(4) == ["allow_other", "ro", "noexec", "noatime"])
    }

    @Test func `a source cannot smuggle in options`() throws {
        let arguments = try options { $0.fsName = "a,suid\\,dev" }.mountArguments()
        #expect(arguments[0] == "fsname=a\\,suid\\\\\\,dev")
    }

    @Test(arguments: ["suid", "dev", "fd=3", "noexec,suid", ""])
    func `mount flags that are not known to be safe are refused`(flag: String) {
        let error = #expect(throws: SessionError.self) { try options { $0.mountFlags = [flag] }.mountArguments() }
        #expect(error?.code == .invalidOption)
    }

    @Test func `allow_other and allow_root exclude each other`() {
        #expect(throws: SessionError.self) {
            try options { options in
                options.allowOther = true
                options.allowRoot = true
            }.mountArguments()
        }
    }

    @Test func `readers follow the cores, two to four, unless told`() {
        #expect([1, 2, 3, 4, 64].map { options().readerThreadCount(cores: $0) } == [2, 2, 3, 4, 4])
        #expect(options { $0.readerThreads = 7 }.readerThreadCount(cores: 2) == 7)
        #expect(options { $0.readerThreads = 0 }.readerThreadCount(cores: 2) == 1)
    }
}

struct MountTableTests {
    private let table = MountTable(
        text: """
            22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
            40 22 0:35 / /mnt/a rw,nosuid,nodev - fuse.outputfs https://x rw,user_id=0
            41 22 0:36 / /mnt/two\\040words\\134x rw - fuse.other a\\040b rw
            42 40 0:37 / /mnt/a rw - tmpfs none rw
            not a line
            """
    )

    @Test func `the topmost mount of a path is the last`() {
        #expect(table.topmost(at: "/mnt/a")?.type == "tmpfs")
        #expect(table.topmost(at: "/mnt/a")?.isFuse == false)
        #expect(table.topmost(at: "/mnt") == nil)
        #expect(table.entries.count == 4)
    }

    @Test func `escapes in mount points are undone`() {
        #expect(table.topmost(at: "/mnt/two words\\x")?.device == "0:36")
        #expect(table.topmost(at: "/mnt/two words\\x")?.isFuse == true)
        #expect(table.topmost(at: "/mnt/two words\\x")?.source == "a b")
    }

    @Test func `mounts of this program are told from others`() {
        #expect(table.entries.filter(\.isOutputFS).map(\.source) == ["https://x"])
    }

    @Test func `this process sees its own root`() {
        #expect(MountTable.current().topmost(at: "/") != nil)
    }
}

struct MountPreflightTests {
    private func code(_ mountPoint: String) -> SessionError.Code? {
        do throws(SessionError) {
            _ = try MountPreflight.check(mountPoint)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `a mount point that is missing, or no directory, is named as such`() {
        #expect(code("/nowhere/at/all") == .mountPointMissing)
        #expect(code("/etc/passwd") == .mountPointNotADirectory)
        #expect(code("/etc/passwd/x") == .mountPointNotADirectory)
    }

    @Test func `errors say what, where, and what to do`() {
        let error = #expect(throws: SessionError.self) {
            try MountPreflight.check("/nowhere/at/all")
        }
        #expect(
            error?.description == "/nowhere/at/all: the mount point does not exist. Create it: mkdir -p /nowhere/at/all"
        )
    }

    @Test func `fuse.conf allows others only by a line of its own`() {
        #expect(MountPreflight.allowsOthers(configuration: "mount_max = 5\nuser_allow_other\n"))
        #expect(MountPreflight.allowsOthers(configuration: "  user_allow_other  "))
        #expect(MountPreflight.allowsOthers(configuration: "user_allow_other # for the web server"))
        #expect(!MountPreflight.allowsOthers(configuration: "#user_allow_other\n# user_allow_other - Using …"))
    }
}
