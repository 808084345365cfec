enum PublicAccess: String, Sendable {
    /// Blobs can be read by anybody who knows their names.
    case blob
    /// Blobs can also be listed.
    case container
}

/// A stored access policy, to which service tokens refer by `si`.
struct AccessPolicy: Sendable {
    var id: String
    var start: String?
    var expiry: String?
    var permissions: String?
}

struct ContainerProperties: Sendable {
    var etag: ETag
    var modified: Timestamp
    var metadata = Metadata()
    var publicAccess: PublicAccess?
    var policies: [AccessPolicy] = []
    var lease = Lease()
}

/// A step that changes a container. The same steps run when a request is served and when a journal is read back.
enum Change: Sendable {
    case container(ContainerProperties)
    case containerRemoved
    /// The blob under a name, or none. The lease stays unless the blob goes.
    case blob(Name, Blob?)
    case snapshot(Name, Timestamp, Blob?)
    /// A deleted blob that is kept for a while, or its end.
    case softDeleted(Name, Blob?)
    case staged(Name, id: String, Content)
    case unstaged(Name)
    case appended(Name, Content, ETag, Timestamp)
    case lease(Name, Lease)
    /// A path of the container `from`, with all below it, has moved here, in place of what was here. Taken by the account.
    case renamed(Name, from: String, to: Name)
    /// Of the account: for how many days deleted blobs are kept.
    case retention(days: Int?)
}

/// What a container holds. Guarded by the container's lock.
struct ContainerState: Sendable {
    var properties: ContainerProperties
    /// The container was deleted while somebody still had hold of it.
    private(set) var isRemoved = false
    private(set) var blobs = NameIndex<BlobNode>()
    /// Whether the account has a hierarchical namespace.
    let isHierarchical: Bool
    private let record: @Sendable (Change) -> Void

    init(
        _ properties: ContainerProperties,
        isHierarchical: Bool,
        record: @escaping @Sendable (Change) -> Void
    ) {
        self.properties = properties
        self.isHierarchical = isHierarchical
        self.record = record
    }

    /// Writes a step down and takes it: in this order, since taking it may free a body that the journal on disk still
    /// names, and bodies are deleted when the next commit is through.
    mutating func commit(_ change: Change) {
        record(change)
        apply(change)
    }

    mutating func apply(_ change: Change) {
        switch change {
        case .container(let properties):
            self.properties = properties
        case .containerRemoved:
            isRemoved = true
            blobs.removeAll()
        case .blob(let name, let blob?):
            node(making: name).current = blob
        case .blob(let name, nil):
            withNode(name) { node in
                node.current = nil
                node.lease = Lease()
            }
        case .snapshot(let name, let time, let blob?):
            node(making: name).add(Snapshot(time: time, blob: blob))
        case .softDeleted(let name, let blob?):
            node(making: name).deleted = blob
        case .softDeleted(let name, nil):
            withNode(name) { $0.deleted = nil }
        case .snapshot(let name, let time, nil):
            withNode(name) { $0.snapshots.removeAll { $0.time == time } }
        case .staged(let name, let id, let content):
            let node = node(making: name)
            if node.staged == nil { node.staged = StagedBlocks() }
            node.staged?.blocks[id] = content
        case .unstaged(let name):
            withNode(name) { $0.staged = nil }
        case .appended(let name, let content, let etag, let modified):
            withNode(name) { node in
                node.current?.content.append(content)
                node.current?.appendedBlockCount += 1
                node.current?.etag = etag
                node.current?.modified = modified
            }
        case .lease(let name, let lease):
            withNode(name) { $0.lease = lease }
        case .renamed, .retention:
            break
        }
    }

    /// Writes down that a path came here; `take` and `place` are the step itself.
    func note(renamed old: Name, from container: String, to new: Name) {
        record(.renamed(old, from: container, to: new))
    }

    /// Takes a path and all below it out, as it is.
    mutating func take(_ root: Name) -> [(Name, BlobNode)] {
        let found = ([root] + names(below: root)).compactMap { name in blobs[name].map { (name, $0) } }
        for (name, _) in found { blobs.remove(name) }
        return found
    }

    /// Puts in place what was taken out, under other names.
    mutating func place(_ nodes: [(Name, BlobNode)]) {
        for (name, node) in nodes { blobs.insert(node, for: name) }
    }

    private mutating func node(making name: Name) -> BlobNode {
        if let node = blobs[name] { return node }
        let node = BlobNode()
        blobs.insert(node, for: name)
        return node
    }

    /// Changes the node of that name, if there is one, and takes it out when nothing is left of it.
    private mutating func withNode(_ name: Name, _ body: (BlobNode) -> Void) {
        guard let node = blobs[name] else { return }
        body(node)
        if node.isEmpty { blobs.remove(name) }
    }
}
