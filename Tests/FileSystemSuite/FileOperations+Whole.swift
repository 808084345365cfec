internal import Glibc
package import SystemPackage

/// What shells and libraries make of the system calls.
extension FileOperations {
    package func open(_ path: String, _ flags: Int32) throws(Errno) -> Int32 {
        try open(path, flags, permissions: 0o666)
    }

    package func makeDirectory(_ path: String) throws(Errno) { try makeDirectory(path, permissions: 0o777) }
    package func rename(_ path: String, to newPath: String) throws(Errno) { try rename(path, to: newPath, flags: 0) }
    package func status(_ path: String) throws(Errno) -> FileStatus { try status(path, follows: false) }

    package func setAttribute(_ path: String, _ name: String, _ value: [UInt8]) throws(Errno) {
        try setAttribute(path, name, value, flags: 0)
    }

    /// `mkdir -p`.
    package func makeDirectories(_ path: String) throws(Errno) {
        var made = ""
        for part in path.split(separator: "/") {
            made += made.isEmpty ? String(part) : "/" + part
            do throws(Errno) { try makeDirectory(made) } catch {
                guard error != .fileExists, (try? status(made).kind) != .directory else { continue }
                throw error
            }
        }
    }

    /// open(O_TRUNC), write, close: the error of whichever failed.
    package func writeFile(_ path: String, _ bytes: [UInt8]) throws(Errno) {
        let descriptor = try open(path, O_WRONLY | O_CREAT | O_TRUNC)
        do throws(Errno) { try write(descriptor, bytes) } catch {
            try? close(descriptor)
            throw error
        }
        try close(descriptor)
    }

    package func writeFile(_ path: String, _ text: String) throws(Errno) { try writeFile(path, Array(text.utf8)) }

    package func readFile(_ path: String) throws(Errno) -> [UInt8] {
        let descriptor = try open(path, O_RDONLY)
        do throws(Errno) {
            let bytes = try readAll(descriptor)
            try close(descriptor)
            return bytes
        } catch {
            try? close(descriptor)
            throw error
        }
    }

    package func readText(_ path: String) throws(Errno) -> String {
        String(decoding: try readFile(path), as: UTF8.self)
    }

    /// From the beginning to the end, in requests of 128 KiB.
    package func readAll(_ descriptor: Int32) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let part = try pread(descriptor, count: 128 << 10, at: UInt64(bytes.count))
            if part.isEmpty { return bytes }
            bytes += part
        }
    }

    /// The names in a directory, sorted by bytes.
    package func names(_ path: String) throws(Errno) -> [String] {
        try list(path).map(\.name).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package func exists(_ path: String) -> Bool { (try? status(path)) != nil }

    /// `rm -r`: depth first, with listings that are read while their directories shrink.
    package func removeTree(_ path: String) throws(Errno) {
        for entry in try list(path) {
            let child = path + "/" + entry.name
            if entry.kind == .directory { try removeTree(child) } else { try unlink(child) }
        }
        try removeDirectory(path)
    }
}
