/// Create, Delete, properties, metadata and ACL of containers.
extension Service {
    func createContainer(_ exchange: Exchange) throws(Failure) -> Response {
        guard let name = exchange.address.container else { throw .code(.invalidUri) }
        try BlobNaming.checkContainer(name)
        var properties = ContainerProperties(etag: etags.next(at: exchange.now), modified: exchange.now)
        properties.metadata = try exchange.metadata()
        properties.publicAccess = try publicAccess(exchange)
        try exchange.address.account.create(name, properties, now: exchange.now)
        return Response(201, properties.versionHeaders)
    }

    private func publicAccess(_ exchange: Exchange) throws(Failure) -> PublicAccess? {
        guard let text = exchange.headers.nonEmpty("x-ms-blob-public-access") else { return nil }
        guard let access = PublicAccess(rawValue: text) else { throw .invalidHeader("x-ms-blob-public-access", text) }
        return access
    }

    func deleteContainer(_ exchange: Exchange) throws(Failure) -> Response {
        guard let name = exchange.address.container else { throw .code(.invalidUri) }
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        let free = exchange.faults.deletionSeconds.map { exchange.now.adding(seconds: Int64($0)) }
        try exchange.address.account.remove(name, free: free) { (state) throws(Failure) in
            try conditions.checkContainer(modified: state.properties.modified)
            try state.properties.lease.checkWrite(leaseID, now: exchange.now, on: .container)
        }
        return Response(202)
    }

    func getContainerProperties(_ exchange: Exchange) throws(Failure) -> Response {
        let properties = try readableContainer(exchange)
        var response = Response(200, properties.versionHeaders)
        for entry in properties.metadata.entries { response.set("x-ms-meta-" + entry.name, entry.value) }
        let lease = properties.lease
        let state = lease.state(at: exchange.now)
        response.set("x-ms-lease-status", lease.isHeld(at: exchange.now) ? "locked" : "unlocked")
        response.set("x-ms-lease-state", state.rawValue)
        if state == .leased { response.set("x-ms-lease-duration", lease.duration == nil ? "infinite" : "fixed") }
        response.set("x-ms-blob-public-access", properties.publicAccess?.rawValue)
        response.set("x-ms-has-immutability-policy", "false")
        response.set("x-ms-has-legal-hold", "false")
        response.set("x-ms-default-encryption-scope", "$account-encryption-key")
        response.set("x-ms-deny-encryption-scope-override", "false")
        response.set("x-ms-immutable-storage-with-versioning-enabled", "false")
        return response
    }

    func getContainerMetadata(_ exchange: Exchange) throws(Failure) -> Response {
        let properties = try readableContainer(exchange)
        var response = Response(200, properties.versionHeaders)
        for entry in properties.metadata.entries { response.set("x-ms-meta-" + entry.name, entry.value) }
        return response
    }

    private func readableContainer(_ exchange: Exchange) throws(Failure) -> ContainerProperties {
        let leaseID = try exchange.leaseID()
        return try exchange.container()
            .withState { (state) throws(Failure) in
                try state.properties.lease.checkRead(leaseID, now: exchange.now, on: .container)
                return state.properties
            }
    }

    func setContainerMetadata(_ exchange: Exchange) throws(Failure) -> Response {
        let metadata = try exchange.metadata()
        return try changeContainer(exchange) { $0.metadata = metadata }
    }

    private func changeContainer(
        _ exchange: Exchange,
        _ change: (inout ContainerProperties) -> Void
    ) throws(Failure) -> Response {
        let conditions = try Conditions(exchange.headers)
        let leaseID = try exchange.leaseID()
        let properties = try exchange.container()
            .withState { (state) throws(Failure) in
                var properties = state.properties
                try conditions.checkContainer(modified: properties.modified)
                try properties.lease.checkRead(leaseID, now: exchange.now, on: .container)
                change(&properties)
                properties.etag = etags.next(at: exchange.now)
                properties.modified = exchange.now
                state.commit(.container(properties))
                return properties
            }
        return Response(200, properties.versionHeaders)
    }

    // MARK: Access

    func getContainerACL(_ exchange: Exchange) throws(Failure) -> Response {
        let properties = try readableContainer(exchange)
        var xml = XMLWriter()
        xml.open("SignedIdentifiers")
        for policy in properties.policies {
            xml.open("SignedIdentifier")
            xml.element("Id", policy.id)
            xml.open("AccessPolicy")
            xml.element("Start", policy.start)
            xml.element("Expiry", policy.expiry)
            xml.element("Permission", policy.permissions)
            xml.close("AccessPolicy")
            xml.close("SignedIdentifier")
        }
        xml.close("SignedIdentifiers")
        var response = Response(200, properties.versionHeaders, body: .bytes(xml.bytes))
        response.set("x-ms-blob-public-access", properties.publicAccess?.rawValue)
        response.set("Content-Type", "application/xml")
        if exchange.isHead { (response.body, response.declaredLength) = (.none, 0) }
        return response
    }

    /// At most five stored access policies, with ids of up to 64 characters.
    func setContainerACL(_ exchange: Exchange) throws(Failure) -> Response {
        let access = try publicAccess(exchange)
        let document = try exchange.receiveDocument(limit: 64 << 10)
        var policies: [AccessPolicy] = []
        if !document.bytes.isEmpty {
            for element in try XMLElement.parse(document.bytes, root: "SignedIdentifiers").children {
                policies.append(try policy(element))
            }
        }
        guard policies.count <= 5 else { throw .code(.invalidXmlDocument) }
        let accepted = policies
        return try changeContainer(exchange) { properties in
            properties.publicAccess = access
            properties.policies = accepted
        }
    }

    private func policy(_ element: XMLElement) throws(Failure) -> AccessPolicy {
        guard element.name == "SignedIdentifier", let id = element.child("Id")?.text, (1...64).contains(id.utf8.count)
        else { throw .code(.invalidXmlNodeValue) }
        let fields = element.child("AccessPolicy")
        func value(_ name: String) -> String? {
            fields?.child(name).flatMap { $0.text.isEmpty ? nil : $0.text }
        }
        let policy = AccessPolicy(
            id: id,
            start: value("Start"),
            expiry: value("Expiry"),
            permissions: value("Permission")
        )
        for time in [policy.start, policy.expiry] {
            if let time, Timestamp(iso8601: time) == nil { throw .code(.invalidXmlNodeValue) }
        }
        return policy
    }
}

extension ContainerProperties {
    var versionHeaders: [(name: String, value: String)] {
        [("ETag", etag.quoted), ("Last-Modified", modified.httpDate)]
    }
}
