import FileSystemModel
internal import Glibc
import SystemPackage

/// One system call's way through the names: what it looked up, to be forgotten at its end.
final class Walk {
    private let files: TreeFiles
    private var held: [NodeID] = []
    private var linksLeft = 40

    init(_ files: TreeFiles) { self.files = files }

    /// A node and what is known of it.
    struct Found {
        var node: NodeID
        var kind: FileKind
        var attributes: Attributes?
    }

    static let root = Found(node: .root, kind: .directory, attributes: nil)

    func hold(_ entry: Entry) -> Found {
        files.count(entry)
        held.append(entry.node)
        return Found(node: entry.node, kind: entry.attributes.kind, attributes: entry.attributes)
    }

    /// Keeps one lookup of the node beyond this call, for an open file.
    func keep(_ node: NodeID) {
        guard let index = held.lastIndex(of: node) else { return }
        held.remove(at: index)
    }

    func end() {
        guard !files.keepsNames else { return }
        for node in held.reversed() { files.forget(node) }
    }

    /// `nil` when the name is not there.
    func lookup(_ name: String, in parent: NodeID) throws(Errno) -> Found? {
        guard name.utf8.count <= 255 else { throw .fileNameTooLong }
        let answer: Answer
        do throws(Errno) {
            answer = try files.ask(LookupResult.self) { request in
                files.fileSystem.lookup(request, FileName(name), in: parent)
            }
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw error
        }
        switch answer {
        case .lookup(.found(let entry)): return hold(entry)
        case .lookup(.absent): return nil
        default: throw files.unexpected(answer)
        }
    }

    func readLink(_ node: NodeID) throws(Errno) -> String {
        let answer = try files.ask(String.self) { request in files.fileSystem.readlink(request, node) }
        guard case .link(let target) = answer else { throw files.unexpected(answer) }
        return target
    }

    /// Where a path ends: its directory, its last name, and what that is, if anything.
    struct End {
        var parent: NodeID
        var name: String
        var found: Found?
        /// The directories on the way, the parent last.
        var way: [NodeID] = [.root]
    }

    func find(_ path: String, follows: Bool) throws(Errno) -> Found {
        guard let found = try end(of: path, follows: follows).found else { throw .noSuchFileOrDirectory }
        return found
    }

    func end(of path: String, follows: Bool) throws(Errno) -> End {
        var names = path.split(separator: "/").map(String.init)
        // The directories that the walk is in, outermost first.
        var way = [Self.root]
        guard !names.isEmpty else { return End(parent: .root, name: "", found: Self.root) }
        while true {
            let name = names.removeFirst()
            let here = way[way.count - 1]
            guard here.kind == .directory else { throw .notDirectory }
            if name == ".." || name == "." {
                if name == "..", way.count > 1 { way.removeLast() }
                if names.isEmpty { return End(parent: here.node, name: name, found: way[way.count - 1]) }
                continue
            }
            let found = try lookup(name, in: here.node)
            if let found, found.kind == .symbolicLink, follows || !names.isEmpty {
                guard linksLeft > 0 else { throw .tooManySymbolicLinkLevels }
                linksLeft -= 1
                let target = try readLink(found.node)
                guard !target.hasPrefix("/") else { throw .improperLink }
                names = target.split(separator: "/").map(String.init) + names
                continue
            }
            if names.isEmpty { return End(parent: here.node, name: name, found: found, way: way.map(\.node)) }
            guard let found else { throw .noSuchFileOrDirectory }
            way.append(found)
        }
    }
}

extension TreeFiles {
    /// Runs one system call; told ESTALE, once more from the root, as the kernel does (LOOKUP_REVAL).
    func withWalk<Value>(_ body: (Walk) throws(Errno) -> Value) throws(Errno) -> Value {
        do throws(Errno) { return try once(body) } catch {
            guard error == .staleNFSFileHandle else { throw error }
            return try once(body)
        }
    }

    private func once<Value>(_ body: (Walk) throws(Errno) -> Value) throws(Errno) -> Value {
        let walk = Walk(self)
        defer { walk.end() }
        return try body(walk)
    }
}
