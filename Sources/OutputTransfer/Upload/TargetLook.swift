internal import BlobStorage

/// What is there already where an upload goes: from one listing, where asking for each file would be a request each.
///
/// A listing that is long beside the upload is broken off; what it did not come to has to be asked for.
struct TargetLook: Sendable {
    enum Answer: Sendable {
        case there(BlobProperties)
        case absent
        /// Only the store knows.
        case unknown
        /// A directory has the name, or a file the name of a directory above: what the upload would make could not be
        /// reached by its path.
        case inTheWay(String)
    }

    private var blobs: [NameBytes: BlobProperties] = [:]
    private var directories: Set<NameBytes> = []
    private var isWhole = false

    /// Nothing was looked at.
    init() {}

    /// A page holds 5,000 blobs and costs about as much as ten requests for one, of which 16 are under way at a time.
    private static let filesPerPage = 500

    /// - Parameter addresses: where the files go; those of several containers are not listed.
    init(at addresses: [BlobAddress], in store: any BlobStore) async throws(StorageError) {
        guard addresses.count > 1, let container = addresses.first?.container,
            addresses.allSatisfy({ $0.container.utf8.elementsEqual(container.utf8) })
        else { return }
        let prefix = Self.folder(of: addresses.map(\.name))
        let query = BlobQuery(container: container, prefix: prefix, includesMetadata: true)
        var marker: ListMarker?
        for _ in 0...addresses.count / Self.filesPerPage {
            let page: BlobPage
            do { page = try await store.listBlobs(query, after: marker) } catch {
                // Who may only write has to find out file by file.
                if error.kind == .denied { return }
                guard error.kind == .notFound else { throw error }
                // The container is not there yet: a dry run made none.
                isWhole = true
                return
            }
            for case .blob(let name, let properties) in page.items { add(name, properties, behind: prefix) }
            marker = page.next
            isWhole = marker == nil
            if isWhole { return }
        }
    }

    private mutating func add(_ name: String, _ properties: BlobProperties, behind prefix: String) {
        for directory in Self.directories(above: name) where directory.utf8.count >= prefix.utf8.count {
            directories.insert(NameBytes(directory))
        }
        if properties.marksDirectory(name) {
            let isSlashed = name.utf8.last == UInt8(ascii: "/")
            if !isSlashed { directories.insert(NameBytes(name)) }
        } else {
            blobs[NameBytes(name)] = properties
        }
    }

    subscript(_ address: BlobAddress) -> Answer {
        // Where both are there already, the directory has the name.
        let above = Self.directories(above: address.name).lazy.map { NameBytes($0) }
        if let file = above.first(where: { blobs[$0] != nil && !directories.contains($0) }) {
            return .inTheWay("\(address.container)/\(file.text) is a file there, and a folder here")
        }
        let name = NameBytes(address.name)
        if directories.contains(name) { return .inTheWay("\(address) is a directory there, and a file here") }
        if let found = blobs[name] { return .there(found) }
        return isWhole ? .absent : .unknown
    }

    /// `a`, `a/b` for `a/b/c`.
    private static func directories(above name: String) -> some Sequence<String> {
        name.utf8.indices.lazy.filter { name.utf8[$0] == UInt8(ascii: "/") }.map { String(name[..<$0]) }
    }

    /// The longest folder, with its slash, that all names lie in.
    private static func folder(of names: [String]) -> String {
        guard var common = names.first?.utf8[...] else { return "" }
        for name in names.dropFirst() {
            let count = zip(common, name.utf8).prefix { $0 == $1 }.count
            common = common.prefix(count)
        }
        guard let slash = common.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(Substring(common[...slash]))
    }
}
