package import FileSystemModel
internal import Glibc
package import SystemPackage

/// One opendir(3), read at positions and with buffers of the test's choice; and lookups in that directory, without a way
/// to it.
package final class DirectoryReader {
    package struct Line: Sendable {
        package var name: String
        package var kind: FileKind
        /// Where telldir(3) says that the reading is behind this name.
        package var nextOffset: UInt64
        /// With attributes only.
        package var size: UInt64?
        /// How long the kernel may go on with what came along.
        package var validity: Duration?
    }

    private let files: TreeFiles
    private let walk: Walk
    private let node: NodeID
    private let handle: HandleID

    package init(_ files: TreeFiles, _ path: String) throws(Errno) {
        self.files = files
        walk = Walk(files)
        node = try walk.find(path, follows: true).node
        let (fileSystem, node) = (files.fileSystem, node)
        let answer = try files.ask(Opened.self) { request in fileSystem.opendir(request, node) }
        guard case .opened(let opened) = answer else { throw files.unexpected(answer) }
        handle = opened.handle
    }

    /// One readdir: at most `capacity` names, `.` and `..` left out (and read past); empty at the end.
    package func read(
        from offset: UInt64,
        capacity: Int = 100,
        withAttributes: Bool = false
    ) throws(Errno) -> [Line] {
        let entries = try ask(from: offset, capacity: capacity, withAttributes: withAttributes)
        for entry in entries {
            // The kernel forgets these at once: what it keeps is not what is looked at here.
            guard let primed = entry.entry else { continue }
            files.fileSystem.forget(primed.node, count: 1)
        }
        let lines = entries.filter { $0.name != "." && $0.name != ".." }.map { entry in
            Line(
                name: entry.name.string,
                kind: entry.kind,
                nextOffset: entry.nextOffset,
                size: entry.entry?.attributes.size,
                validity: entry.entry?.attributeValidity
            )
        }
        guard lines.isEmpty, let last = entries.last else { return lines }
        return try read(from: last.nextOffset, capacity: capacity, withAttributes: withAttributes)
    }

    private func ask(from offset: UInt64, capacity: Int, withAttributes: Bool) throws(Errno) -> [DirectoryEntry] {
        let buffer = ListingBuffer(capacity: capacity, wantsEntries: withAttributes)
        let request = DirectoryRequest(caller: files.caller, buffer: buffer)
        files.fileSystem.readdir(request, node, handle: handle, offset: offset)
        switch buffer.wait() {
        case .success(let entries): return entries
        case .failure(let error): throw Errno(rawValue: error.errno)
        }
    }

    /// From an offset to the end.
    package func readAll(
        from offset: UInt64 = 0,
        capacity: Int = 100,
        withAttributes: Bool = false
    ) throws(Errno) -> [Line] {
        var lines: [Line] = []
        var offset = offset
        while true {
            let more = try read(from: offset, capacity: capacity, withAttributes: withAttributes)
            guard let last = more.last else { return lines }
            lines += more
            offset = last.nextOffset
        }
    }

    /// What a stat of the name finds out: its size; `nil` when it is not there.
    package func lookup(_ name: String) throws(Errno) -> UInt64? {
        let step = Walk(files)
        let found = try step.lookup(name, in: node)
        defer { if let found { files.forget(found.node) } }
        guard let found else { return nil }
        return found.attributes?.size
    }

    package func close() {
        let (fileSystem, node, handle) = (files.fileSystem, node, handle)
        _ = try? files.ask(Done.self) { request in fileSystem.releasedir(request, node, handle: handle) }
        walk.end()
    }
}
