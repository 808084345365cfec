import FileSystemSuite
import Glibc
import SystemPackage

/// What programs do, one thing each, on files of their own.
enum TokenTask: String, CaseIterable, Sendable {
    case list = "list a directory"
    case stat = "stat what others wrote"
    case read = "read a file"
    case create = "write a new file"
    case createLarge = "write a new file in blocks"
    case createExclusively = "write a new file with O_EXCL"
    case replace = "replace a file"
    case append = "append to a file"
    case edit = "change a file in place"
    case cut = "truncate a file by name"
    case startLog = "write a new log"
    case appendLog = "append to a log"
    case restartLog = "start a log over"
    case remove = "remove a file"
    case rename = "rename a file"
    case renameOver = "rename a file over another"
    case renameDirectory = "rename a directory"
    case makeDirectory = "make a directory"
    case removeDirectory = "remove an empty directory"
    case chmod = "chmod, chown, touch"
    case setAttribute = "set a user attribute"
    case link = "make a symbolic link"
    case readLink = "read a symbolic link"
    case copy = "copy within the store"

    /// With which all names of its files begin, so that nothing of one task is seen by another. Not a directory of its own:
    /// those are not known without the right to list.
    var prefix: String { "\(self)-" }
    var blobPrefix: String { "$\(kind)/\(prefix)" }
    var kind: String { [.startLog, .appendLog, .restartLog].contains(self) ? "TaskLog" : "JobOutput" }

    /// What is there before: by name in its directory.
    var before: [String: String] {
        switch self {
        case .create, .createLarge, .createExclusively, .startLog, .makeDirectory, .link: [:]
        case .renameOver: ["f": "old", "g": "other"]
        case .renameDirectory: ["d/f": "old", "d/e/f": "older"]
        case .removeDirectory: ["d": ""]
        case .readLink: ["l": "f"]
        default: ["f": "old"]
        }
    }

    /// `before` as `TokenWorld.content` shows it.
    var shownBefore: [String: String] { before.mapValues { $0.isEmpty ? "0 bytes" : $0 } }

    /// What is there after it succeeded, and nothing else.
    var after: [String: String] {
        switch self {
        case .list, .stat, .read, .readLink: before
        case .chmod: ["f": "old 0600"]
        case .setAttribute: ["f": "old red"]
        case .create, .createExclusively, .replace, .startLog, .restartLog: ["f": "new"]
        case .createLarge: ["f": "\(Self.largeCount) bytes"]
        case .append, .appendLog: ["f": "oldnew"]
        case .edit: ["f": "oXd"]
        case .cut: ["f": "ol"]
        case .remove, .removeDirectory: [:]
        case .rename: ["g": "old"]
        case .renameOver: ["g": "old"]
        case .renameDirectory: ["n/f": "old", "n/e/f": "older"]
        case .makeDirectory: ["d": "0 bytes"]
        case .link: ["l": "f"]
        case .copy: ["f": "old", "g": "old"]
        }
    }

    static let largeCount = 600_000

    /// How often something becomes visible to others (Put Blob, Put Block List); `nil` where the way there is not the point.
    var commitCount: Int? {
        switch self {
        case .create, .createLarge, .createExclusively, .replace, .append, .edit, .cut, .copy: 1
        case .list, .stat, .read, .remove, .chmod, .setAttribute, .readLink: 0
        default: nil
        }
    }

    /// `path`: the beginning of its files' paths.
    func run(_ files: TreeFiles, _ path: String) throws(Errno) {
        let (f, g) = (path + "f", path + "g")
        switch self {
        case .list:
            let folder = path.split(separator: "/").dropLast().joined(separator: "/")
            guard try files.names(folder).contains(prefix + "f") else { throw .permissionDenied }
        case .stat: _ = try files.status(f)
        case .read: guard try files.readText(f) == "old" else { throw .ioError }
        case .create, .replace, .startLog, .restartLog: try files.writeFile(f, "new")
        case .createLarge: try files.writeFile(f, [UInt8](repeating: 7, count: Self.largeCount))
        case .createExclusively: try Self.write(files, f, O_WRONLY | O_CREAT | O_EXCL, "new")
        case .append, .appendLog: try Self.write(files, f, O_WRONLY | O_CREAT | O_APPEND, "new")
        case .edit:
            let descriptor = try files.open(f, O_RDWR)
            do throws(Errno) { try files.pwrite(descriptor, Array("X".utf8), at: 1) } catch {
                try? files.close(descriptor)
                throw error
            }
            try files.close(descriptor)
        case .cut: try files.truncate(f, to: 2)
        case .remove: try files.unlink(f)
        case .rename, .renameOver: try files.rename(f, to: g)
        case .renameDirectory: try files.rename(path + "d", to: path + "n")
        case .makeDirectory: try files.makeDirectory(path + "d")
        case .removeDirectory: try files.removeDirectory(path + "d")
        case .chmod: try files.setPermissions(f, 0o600)
        case .setAttribute: try files.setAttribute(f, "user.colour", Array("red".utf8))
        case .link: try files.makeLink(path + "l", to: "f")
        case .readLink: guard try files.readLink(path + "l") == "f" else { throw .ioError }
        case .copy: try Self.copy(files, f, g)
        }
    }

    private static func write(_ files: TreeFiles, _ path: String, _ flags: Int32, _ text: String) throws(Errno) {
        let descriptor = try files.open(path, flags)
        do throws(Errno) { try files.write(descriptor, Array(text.utf8)) } catch {
            try? files.close(descriptor)
            throw error
        }
        try files.close(descriptor)
    }

    private static func copy(_ files: TreeFiles, _ f: String, _ g: String) throws(Errno) {
        let source = try files.open(f, O_RDONLY)
        defer { try? files.close(source) }
        let copy = try files.open(g, O_WRONLY | O_CREAT)
        do throws(Errno) {
            _ = try files.copyRange(source, to: copy, at: 0, count: 3)
        } catch {
            try? files.close(copy)
            throw error
        }
        try files.close(copy)
    }
}
