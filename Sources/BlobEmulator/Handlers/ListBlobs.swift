/// List Blobs.
extension Service {
    func listBlobs(_ exchange: Exchange) throws(Failure) -> Response {
        let query = exchange.query
        let include = try ListInclude(query)
        var listing = ListingQuery()
        listing.prefix = Name(query["prefix"] ?? "")
        listing.delimiter = Array((query["delimiter"] ?? "").utf8)
        listing.limit = try pageLimit(exchange)
        listing.includesSnapshots = include.snapshots
        listing.includesUncommitted = include.uncommitted
        listing.includesDeleted = include.deleted
        listing.now = exchange.now
        let isHierarchical = exchange.address.account.isHierarchical
        guard !include.permissions || isHierarchical else {
            throw .invalidParameter("include", query["include"] ?? "")
        }
        guard !isHierarchical || listing.delimiter.isEmpty || listing.delimiter == [UInt8(ascii: "/")] else {
            throw .invalidParameter("delimiter", query["delimiter"] ?? "")
        }
        guard listing.delimiter.isEmpty || !include.snapshots else {
            throw .invalidParameter("include", query["include"] ?? "")
        }
        if let text = query.nonEmpty("marker") {
            guard let marker = ListMarker(text) else { throw .invalidParameter("marker", text) }
            listing.start = marker
        } else if let first = query.nonEmpty("startfrom"), exchange.version.isAtLeast("2026-06-06") {
            listing.start = ListMarker(name: Name(first))
        }
        let wanted = listing
        let page = try exchange.container().withState { (state) throws(Failure) in
            try state.requirePrefix(wanted.prefix)
            return state.page(wanted)
        }

        var xml = XMLWriter(capacity: 1024 + page.entries.count * 900)
        xml.open(
            "EnumerationResults",
            [
                ("ServiceEndpoint", serviceEndpoint(exchange)), ("ContainerName", exchange.address.container ?? ""),
            ]
        )
        xml.echo(query, ["prefix", "marker", "maxresults", "delimiter"])
        xml.open("Blobs")
        var renderer = BlobRenderer(exchange: exchange, include: include)
        for entry in page.entries { renderer.write(entry, to: &xml) }
        xml.close("Blobs")
        xml.element("NextMarker", page.next?.text ?? "")
        xml.close("EnumerationResults")
        return Response(200, [("Content-Type", "application/xml")], body: .bytes(xml.bytes))
    }

    /// `maxresults`: 1 to 5000, more is cut to 5000. A fault may make pages shorter.
    func pageLimit(_ exchange: Exchange) throws(Failure) -> Int {
        var limit = 5000
        if let text = exchange.query.nonEmpty("maxresults") {
            guard let value = Int(text) else { throw .invalidParameter("maxresults", text) }
            guard value > 0 else {
                throw .code(
                    .outOfRangeQueryParameterValue,
                    [
                        ("QueryParameterName", "maxresults"), ("QueryParameterValue", text), ("MinimumAllowed", "1"),
                        ("MaximumAllowed", "2147483647"),
                    ]
                )
            }
            limit = min(value, 5000)
        }
        return min(limit, exchange.faults.pageLimit ?? limit)
    }

    func serviceEndpoint(_ exchange: Exchange) -> String {
        let account = exchange.address.account.name
        return exchange.host.hasPrefix(account + ".") || exchange.host.hasPrefix(account + "-secondary.")
            ? "http://\(exchange.host)/" : "http://\(exchange.host)/\(account)/"
    }
}

/// `include=` of a listing.
struct ListInclude {
    var snapshots = false
    var metadata = false
    var uncommitted = false
    var copy = false
    var tags = false
    var deleted = false
    var policies = false
    var holds = false

    /// Owner, group, permissions: for accounts with a hierarchical namespace; a flat one refuses it.
    var permissions = false

    /// What this server never has (versions) is understood and adds nothing.
    init(_ query: QueryParameters) throws(Failure) {
        for parameter in query.parameters where parameter.name == "include" {
            for word in parameter.value.split(separator: ",") {
                switch word.lowercased() {
                case "snapshots": snapshots = true
                case "metadata": metadata = true
                case "uncommittedblobs": uncommitted = true
                case "copy": copy = true
                case "tags": tags = true
                case "deleted": deleted = true
                case "immutabilitypolicy": policies = true
                case "legalhold": holds = true
                case "permissions": permissions = true
                case "versions", "deletedwithversions", "system": break
                default: throw .invalidParameter("include", parameter.value)
                }
            }
        }
    }
}

extension XMLWriter {
    /// Repeats the parameters of a listing that were sent, and only those.
    mutating func echo(_ query: QueryParameters, _ names: [String]) {
        let elements = [
            "prefix": "Prefix", "marker": "Marker", "maxresults": "MaxResults", "delimiter": "Delimiter",
        ]
        for name in names {
            if let element = elements[name] { self.element(element, query.nonEmpty(name)) }
        }
    }
}

/// Writes the entries of a listing.
private struct BlobRenderer {
    let exchange: Exchange
    let include: ListInclude
    /// The last date that was written, which is often the next one too: formatting is a third of a page's cost.
    private var second = Int64.min
    private var date = ""

    init(exchange: Exchange, include: ListInclude) {
        (self.exchange, self.include) = (exchange, include)
    }

    private mutating func httpDate(_ time: Timestamp) -> String {
        if time.seconds != second { (second, date) = (time.seconds, time.httpDate) }
        return date
    }

    mutating func write(_ entry: ListingPage.Entry, to xml: inout XMLWriter) {
        switch entry {
        case .prefix(let name):
            xml.open("BlobPrefix")
            xml.name(name, encodes: exchange.version.encodesNames)
            xml.close("BlobPrefix")
        case .directory(let name, let blob):
            xml.open("BlobPrefix")
            xml.name(name, encodes: exchange.version.encodesNames)
            if exchange.version.isAtLeast("2020-06-12") { writeDirectory(blob, to: &xml) }
            xml.close("BlobPrefix")
        case .uncommitted(let name):
            xml.open("Blob")
            xml.name(name, encodes: exchange.version.encodesNames)
            xml.open("Properties")
            xml.element("Content-Length", "0")
            xml.element("BlobType", "BlockBlob")
            xml.close("Properties")
            xml.close("Blob")
        case .blob(let name, let blob, let lease):
            write(name, blob, lease: lease, snapshot: nil, to: &xml)
        case .snapshot(let name, let time, let blob):
            write(name, blob, lease: nil, snapshot: time, to: &xml)
        case .deleted(let name, let blob):
            write(name, blob, lease: nil, snapshot: nil, to: &xml)
        }
    }

    /// The properties of a directory that is shown as a prefix: without its metadata.
    private mutating func writeDirectory(_ blob: Blob, to xml: inout XMLWriter) {
        xml.open("Properties")
        xml.element("Creation-Time", httpDate(blob.created))
        xml.element("Last-Modified", httpDate(blob.modified))
        xml.element("Etag", blob.etag.bare)
        writePath(blob, to: &xml)
        xml.element("Content-Length", "0")
        xml.element("BlobType", blob.kind.headerValue)
        xml.close("Properties")
    }

    /// What only a hierarchical namespace has to tell.
    private func writePath(_ blob: Blob, to xml: inout XMLWriter) {
        guard exchange.address.account.isHierarchical else { return }
        if include.permissions {
            let access = blob.pathAccess
            xml.element("Owner", access.owner)
            xml.element("Group", access.group)
            xml.element("Permissions", access.permissions)
            xml.element("Acl", access.acl)
        }
        guard exchange.version.isAtLeast("2020-10-02") else { return }
        xml.element("ResourceType", blob.isFolder ? "directory" : "file")
    }

    private mutating func write(
        _ name: Name,
        _ stored: Blob,
        lease: Lease?,
        snapshot: Timestamp?,
        to xml: inout XMLWriter
    ) {
        let blob = stored.rehydrated(at: exchange.now)
        xml.open("Blob")
        xml.name(name, encodes: exchange.version.encodesNames)
        xml.element("Snapshot", snapshot?.iso8601WithFraction)
        if blob.protection.deletion != nil { xml.element("Deleted", "true") }
        xml.open("Properties")
        xml.element("Creation-Time", httpDate(blob.created))
        xml.element("Last-Modified", httpDate(blob.modified))
        xml.element("Etag", blob.etag.bare)
        writePath(blob, to: &xml)
        xml.element("Content-Length", String(blob.content.length))
        xml.element("Content-Type", blob.headers.type)
        xml.element("Content-Encoding", blob.headers.encoding ?? "")
        xml.element("Content-Language", blob.headers.language ?? "")
        xml.element("Content-MD5", blob.headers.md5 ?? "")
        xml.element("Cache-Control", blob.headers.cacheControl ?? "")
        xml.element("Content-Disposition", blob.headers.disposition ?? "")
        if blob.kind == .page { xml.element("x-ms-blob-sequence-number", String(blob.sequenceNumber)) }
        xml.element("BlobType", blob.kind.headerValue)
        if blob.kind == .block {
            xml.element("AccessTier", (blob.tier ?? .hot).rawValue)
            if blob.tier == nil { xml.element("AccessTierInferred", "true") }
            xml.element("AccessTierChangeTime", blob.tierChanged?.httpDate)
            xml.element("ArchiveStatus", blob.archiveStatus)
        }
        if let lease {
            let state = lease.state(at: exchange.now)
            xml.element("LeaseStatus", lease.isHeld(at: exchange.now) ? "locked" : "unlocked")
            xml.element("LeaseState", state.rawValue)
            if state == .leased { xml.element("LeaseDuration", lease.duration == nil ? "infinite" : "fixed") }
        }
        if include.copy, let copy = blob.copy {
            xml.element("CopyId", copy.id)
            xml.element("CopyStatus", copy.status.rawValue)
            xml.element("CopySource", copy.source)
            xml.element("CopyProgress", "\(copy.copied)/\(copy.total)")
            xml.element("CopyCompletionTime", copy.completed?.httpDate)
        }
        xml.element("ServerEncrypted", "true")
        if blob.protection != BlobProtection() { writeProtection(blob.protection, to: &xml) }
        if !blob.tags.isEmpty { xml.element("TagCount", String(blob.tags.count)) }
        if blob.isSealed { xml.element("Sealed", "true") }
        xml.close("Properties")
        if include.metadata {
            // Metadata is encrypted with the customer's key like the bytes.
            if case .customerKey = blob.protection.encryption {
                xml.open("Metadata", [("Encrypted", "true")])
                xml.close("Metadata")
            } else {
                xml.metadata(blob.metadata)
            }
        }
        if include.tags, !blob.tags.isEmpty {
            xml.open("Tags")
            xml.tagSet(blob.tags)
            xml.close("Tags")
        }
        xml.empty("OrMetadata")
        xml.close("Blob")
    }

    private func writeProtection(_ protection: BlobProtection, to xml: inout XMLWriter) {
        switch protection.encryption {
        case .customerKey(let digest): xml.element("CustomerProvidedKeySha256", digest)
        case .scope(let name): xml.element("EncryptionScope", name)
        case nil: break
        }
        if include.policies, let policy = protection.policy {
            xml.element("ImmutabilityPolicyUntilDate", policy.until.httpDate)
            xml.element("ImmutabilityPolicyMode", policy.mode.rawValue.lowercased())
        }
        if include.holds { xml.element("LegalHold", String(protection.hasLegalHold)) }
        if let deletion = protection.deletion {
            let rest = max(0, deletion.ends.seconds - exchange.now.seconds)
            xml.element("DeletedTime", deletion.time.httpDate)
            xml.element("RemainingRetentionDays", String((rest + 86_399) / 86_400))
        }
    }
}

extension XMLWriter {
    mutating func metadata(_ metadata: Metadata) {
        guard !metadata.entries.isEmpty else { return empty("Metadata") }
        open("Metadata")
        for entry in metadata.entries { element(entry.name, entry.value) }
        close("Metadata")
    }
}
