/// A directory of the tree whose entries come from a listing of blobs: how its names and the blobs' segments correspond.
///
/// Within one directory the correspondence is one to one: every segment has exactly one name (or sequence of names, if
/// it is long), and what a name leads to has exactly that name.
struct BlobDirectory: Sendable {
    let view: OutputView
    let container: String
    /// What the names of all its blobs begin with: empty, or ends with `/`.
    let base: String
    /// The beginning of the segment that goes on in this directory; empty in all but the continued ones.
    let begun: String
    let level: SegmentLevel

    init?(_ place: TreePlace) {
        let slash = UInt8(ascii: "/")
        switch place {
        case .container(let view, let container):
            self.init(view, container, base: "", begun: "", level: view == .jobs ? .kinds(ofJob: true) : .paths)
        case .tasks(let container):
            self.init(.jobs, container, base: "", begun: "", level: .tasks)
        case .task(let container, let task):
            self.init(.jobs, container, base: task + "/", begun: "", level: .kinds(ofJob: false))
        case .folder(let view, let container, let prefix):
            let cut = prefix.utf8.lastIndex(of: slash).map { prefix.utf8.index(after: $0) } ?? prefix.startIndex
            let base = String(prefix[..<cut])
            let level = Self.level(view, base: base, prefix: prefix)
            self.init(view, container, base: base, begun: String(prefix[cut...]), level: level)
        case .root, .selfLink, .view, .gathered, .file:
            return nil
        }
    }

    private init(_ view: OutputView, _ container: String, base: String, begun: String, level: SegmentLevel) {
        self.view = view
        self.container = container
        self.base = base
        self.begun = begun
        self.level = level
    }

    private static func level(_ view: OutputView, base: String, prefix: String) -> SegmentLevel {
        switch view {
        case .jobs: jobLevel(base: base, prefix: prefix)
        case .runs: RunBlobs.isRun(prefix: base) ? .artifacts : .paths
        case .datastores, .uploads, .foreach, .projects, .containers: .paths
        }
    }

    /// Whether the blob is shown in this directory, and not elsewhere in its view.
    func holds(blob: String) -> Bool {
        view != .foreach || ForeachBlob.path(of: blob, in: container).utf8.starts(with: "other/".utf8)
    }

    /// What the segments behind `base` are in the view of jobs.
    private static func jobLevel(base: String, prefix: String) -> SegmentLevel {
        let isKind = prefix.utf8.first == UInt8(ascii: "$")
        switch base.utf8.count(where: { $0 == UInt8(ascii: "/") }) {
        case 0: return isKind ? .kinds(ofJob: true) : .tasks
        case 1 where !isKind: return .kinds(ofJob: false)
        default: return .paths
        }
    }

    // MARK: From blobs to names

    /// The one name in this directory that leads to `segment`, and how far it leads; `nil` when it belongs elsewhere.
    func name(of segment: String, isFile: Bool) -> (name: String, reached: String, isWhole: Bool)? {
        guard level.holds(segment) else { return nil }
        if !isFile, let plain = level.plainName(of: segment) {
            return begun.isEmpty ? (plain, segment, true) : nil
        }
        var reachedCount = 0
        for name in LiteralName.names(of: segment, isFile: isFile) {
            let nextCount = reachedCount + name.piece.utf8.count
            if reachedCount == begun.utf8.count {
                return (
                    name.text, String(decoding: segment.utf8.prefix(nextCount), as: UTF8.self), name.ending != .more
                )
            }
            reachedCount = nextCount
        }
        return nil
    }

    /// The segment by which `item` (a blob's name, or a prefix less its final slash) is in this directory's listing.
    func segment(of item: Substring.UnicodeScalarView) -> String? {
        let bytes = Substring(item).utf8
        guard bytes.starts(with: base.utf8) else { return nil }
        let segment = bytes.dropFirst(base.utf8.count)
        guard segment.starts(with: begun.utf8), !segment.contains(UInt8(ascii: "/")) else { return nil }
        return String(decoding: segment, as: UTF8.self)
    }

    // MARK: From names to blobs

    func resolve(_ name: String) -> Resolution {
        guard name.utf8.count <= PlainName.byteCountMax else {
            return .impossible(NameProblem(.tooLong, "a name has at most 255 bytes"))
        }
        guard PlainName.isFileName(name) else {
            return .impossible(NameProblem(.invalid, "not a name that a file can have"))
        }
        if PlainName.isReserved(name) { return resolveLiteral(name) }
        guard begun.isEmpty else {
            return .impossible(NameProblem(.notHere, "this directory only shows the rest of long names"))
        }
        switch level.segment(forPlain: name) {
        case .success(let segment): return resolved(segment)
        case .failure(let problem): return .impossible(problem)
        }
    }

    private func resolveLiteral(_ name: String) -> Resolution {
        guard let literal = LiteralName(name) else { return .impossible(.reserved) }
        let segment = begun + literal.piece
        if literal.ending == .more {
            // Whether blobs with this beginning are really too long, the listing tells: others are not shown there.
            guard level.mayBegin(segment) else { return .impossible(.reserved) }
            return .folder(.folder(view, container: container, prefix: base + segment))
        }
        let isFile = literal.ending == .file
        guard level.hasFiles || !isFile, let shown = self.name(of: segment, isFile: isFile),
            shown.isWhole, shown.name.utf8.elementsEqual(name.utf8)
        else { return .impossible(.reserved) }
        return isFile ? .file(.file(view, container: container, name: base + segment)) : resolved(segment)
    }

    private func resolved(_ segment: String) -> Resolution {
        let name = base + segment
        // The limit of the service, in UTF-16 units: whether it counts these or code points is not stated.
        guard name.utf16.count <= BlobNameLimit.characterCount else {
            return .impossible(NameProblem(.tooLong, "the name of a blob has at most 1,024 characters"))
        }
        guard name.utf8.count(where: { $0 == UInt8(ascii: "/") }) < BlobNameLimit.segmentCount else {
            return .impossible(NameProblem(.tooLong, "the name of a blob has at most 254 segments"))
        }
        let folder = TreePlace.directory(view, container: container, prefix: name + "/")
        switch level {
        case .paths, .artifacts:
            guard holds(blob: name) else { return .folder(folder) }
            return .either(file: .file(view, container: container, name: name), folder: folder)
        case .tasks, .kinds: return .folder(folder)
        }
    }
}

/// The service's limits to the names of blobs.
enum BlobNameLimit {
    static let characterCount = 1024
    /// Of accounts without a hierarchical namespace.
    static let segmentCount = 254
}

extension NameProblem {
    static let reserved = NameProblem(.invalid, "names that begin with %= only show blobs that have no other name")
}
