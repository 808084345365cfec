/// The numbers of the block operations.
enum BlockLimits {
    static let committed = 50_000
    static let uncommitted = 100_000
    /// 50,000 entries of 64 bytes in base64, with their tags.
    static let blockListBytes = 16 << 20
}

/// Put Block, Put Block List, Get Block List.
extension Service {
    func putBlock(_ exchange: Exchange) throws(Failure) -> Response {
        let id = try blockID(exchange)
        let container = try exchange.container()
        let name = try exchange.blobName()
        try container.withState { (state) throws(Failure) in try checkStaging(exchange, &state, name, id) }
        let received = try exchange.receiveBody(
            into: content,
            limit: exchange.version.putBlockLimit,
            alwaysMD5: false
        )
        guard received.content.length > 0 else { throw .invalidHeader("Content-Length", "0") }
        try stage(received.content, as: id, exchange, container, name)
        var response = Response(201, received.answerHeaders)
        response.set("x-ms-request-server-encrypted", "true")
        return response
    }

    /// `blockid`: base64 of at most 64 bytes.
    func blockID(_ exchange: Exchange) throws(Failure) -> String {
        guard let id = exchange.query.nonEmpty("blockid") else {
            throw .code(.missingRequiredQueryParameter, [("QueryParameterName", "blockid")])
        }
        guard let bytes = Base64.decode(id), (1...64).contains(bytes.count) else {
            throw .invalidParameter("blockid", id, reason: "Not a valid base64 string.")
        }
        return id
    }

    func stage(
        _ block: Content,
        as id: String,
        _ exchange: Exchange,
        _ container: Container,
        _ name: Name
    ) throws(Failure) {
        try container.withState { (state) throws(Failure) in
            try checkStaging(exchange, &state, name, id)
            state.commit(.staged(name, id: id, block))
        }
    }

    /// All ids of a blob, committed or not, have one length.
    private func checkStaging(
        _ exchange: Exchange,
        _ state: inout ContainerState,
        _ name: Name,
        _ id: String
    ) throws(Failure) {
        try state.checkWrite(name, leaseID: exchange.leaseID(), now: exchange.now)
        try state.requireFile(name)
        guard let node = state.blobs[name] else { return }
        try node.current?.require(.block)
        let known = node.staged?.blocks.keys.first ?? node.current?.blocks.first?.id
        if let known, known.utf8.count != id.utf8.count { throw .code(.invalidBlobOrBlock) }
        let staged = node.staged?.blocks ?? [:]
        guard staged.count < BlockLimits.uncommitted || staged[id] != nil else {
            throw .code(.blockCountExceedsLimit)
        }
    }

    func putBlockList(_ exchange: Exchange) throws(Failure) -> Response {
        let container = try exchange.container()
        let name = try exchange.blobName()
        let document = try exchange.receiveDocument(limit: BlockLimits.blockListBytes)
        let list = try XMLElement.parse(document.bytes, root: "BlockList")
        guard list.children.count <= BlockLimits.committed else { throw .code(.blockListTooLong) }
        let headers = try exchange.contentHeaders(plainToo: false)
        let metadata = try exchange.metadata()
        let tags = try tagsOnWrite(exchange)
        let tier = try exchange.tierHeader()
        let encryption = try exchange.encryption()
        let etag = etags.next(at: exchange.now)

        try container.withState { (state) throws(Failure) in
            try checkReplacement(exchange, &state, name, .block)
            let node = state.blobs[name]
            let assembly = BlockAssembly(current: node?.current, staged: node?.staged)
            let (content, blocks) = try assembly.assemble(list)
            var blob = Blob(
                kind: .block,
                content: content,
                blocks: blocks,
                etag: etag,
                modified: exchange.now,
                created: node?.current?.created ?? exchange.now
            )
            (blob.headers, blob.metadata, blob.tags) = (headers, metadata, tags)
            blob.protection.encryption = encryption
            if let tier { (blob.tier, blob.tierChanged) = (tier, exchange.now) }
            retainReplaced(exchange, &state, name)
            state.replace(name, with: blob, now: exchange.now)
            if node?.staged != nil { state.commit(.unstaged(name)) }
        }
        var response = Response(201, [("ETag", etag.quoted), ("Last-Modified", exchange.now.httpDate)])
        response.headers += document.answerHeaders
        response.set("x-ms-request-server-encrypted", "true")
        return response
    }

    func getBlockList(_ exchange: Exchange) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let snapshot = try exchange.snapshotTime()
        let type = exchange.query.nonEmpty("blocklisttype")?.lowercased() ?? "committed"
        guard ["committed", "uncommitted", "all"].contains(type) else {
            throw .invalidParameter("blocklisttype", type)
        }
        let leaseID = try exchange.leaseID()
        let (blob, staged): (Blob?, [(id: String, length: Int)]) = try exchange.container()
            .withState { (state) throws(Failure) in
                guard let node = state.blobs[name] else { throw .code(.blobNotFound) }
                try node.lease.checkRead(leaseID, now: exchange.now, on: .blob)
                let blob = snapshot == nil ? node.current : try state.blob(name, snapshot: snapshot, now: exchange.now)
                try blob?.require(.block)
                guard blob != nil || node.staged != nil else { throw .code(.blobNotFound) }
                return (blob, snapshot == nil ? (node.staged?.blocks.map { ($0.key, $0.value.length) } ?? []) : [])
            }
        var xml = XMLWriter()
        xml.open("BlockList")
        func write(_ element: String, _ blocks: [(id: String, length: Int)]) {
            guard !blocks.isEmpty else { return xml.empty(element) }
            xml.open(element)
            for block in blocks {
                xml.open("Block")
                xml.element("Name", block.id)
                xml.element("Size", String(block.length))
                xml.close("Block")
            }
            xml.close(element)
        }
        if type != "uncommitted" { write("CommittedBlocks", blob?.blocks.map { ($0.id, $0.length) } ?? []) }
        if type != "committed" { write("UncommittedBlocks", staged.sorted { Name($0.id) < Name($1.id) }) }
        xml.close("BlockList")
        var response = Response(200, blob?.versionHeaders ?? [], body: .bytes(xml.bytes))
        response.set("Content-Type", "application/xml")
        response.set("x-ms-blob-content-length", String(blob?.content.length ?? 0))
        return response
    }
}

/// Turns a block list into content: pure, over what is committed and what is staged.
struct BlockAssembly {
    private let current: Blob?
    private let staged: [String: Content]
    /// Where each committed block lies; of blocks with one id, the last.
    private let committed: [String: Range<Int>]

    init(current: Blob?, staged: StagedBlocks?) {
        self.current = current
        self.staged = staged?.blocks ?? [:]
        var committed: [String: Range<Int>] = [:]
        var position = 0
        for block in current?.blocks ?? [] {
            committed[block.id] = position..<position + block.length
            position += block.length
        }
        self.committed = committed
    }

    /// `Committed` and `Uncommitted` look in one place, `Latest` in the uncommitted first. A block that is not there
    /// makes the list invalid.
    func assemble(_ list: XMLElement) throws(Failure) -> (Content, [CommittedBlock]) {
        var content = Content()
        var blocks: [CommittedBlock] = []
        blocks.reserveCapacity(list.children.count)
        for entry in list.children {
            let id = entry.text
            let found: Content? =
                switch entry.name {
                case "Latest": staged[id] ?? committedBlock(id)
                case "Uncommitted": staged[id]
                case "Committed": committedBlock(id)
                default: throw .code(.invalidXmlDocument)
                }
            guard let found else { throw .code(.invalidBlockList) }
            content.append(found)
            blocks.append(CommittedBlock(id: id, length: found.length))
        }
        return (content, blocks)
    }

    private func committedBlock(_ id: String) -> Content? {
        guard let range = committed[id], let current else { return nil }
        return current.content.part(range)
    }
}
