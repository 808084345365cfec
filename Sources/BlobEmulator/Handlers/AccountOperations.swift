/// The operations on the account: List Containers, service properties, account information, delegation keys.
extension Service {
    func listContainers(_ exchange: Exchange) throws(Failure) -> Response {
        let query = exchange.query
        var includesMetadata = false
        for word in (query["include"] ?? "").split(separator: ",") {
            switch word.lowercased() {
            case "metadata": includesMetadata = true
            case "deleted", "system": break
            default: throw .invalidParameter("include", query["include"] ?? "")
            }
        }
        let limit = try pageLimit(exchange)
        let prefix = query["prefix"] ?? ""
        var start = Name(prefix)
        if let text = query.nonEmpty("marker") {
            guard let marker = ListMarker(text) else { throw .invalidParameter("marker", text) }
            start = max(start, marker.name)
        }
        let found = exchange.address.account.all()
            .filter { Name($0.name) >= start && Name($0.name).hasPrefix(Name(prefix)) }

        var xml = XMLWriter()
        xml.open("EnumerationResults", [("ServiceEndpoint", serviceEndpoint(exchange))])
        xml.echo(query, ["prefix", "marker", "maxresults"])
        xml.open("Containers")
        for container in found.prefix(limit) {
            // Deleted since the list was taken: no longer there.
            let read = try? container.withState { (state) throws(Failure) in state.properties }
            guard let properties = read else { continue }
            write(container.name, properties, includesMetadata: includesMetadata, at: exchange.now, to: &xml)
        }
        xml.close("Containers")
        xml.element("NextMarker", found.count > limit ? ListMarker(name: Name(found[limit].name)).text : "")
        xml.close("EnumerationResults")
        return Response(200, [("Content-Type", "application/xml")], body: .bytes(xml.bytes))
    }

    private func write(
        _ name: String,
        _ properties: ContainerProperties,
        includesMetadata: Bool,
        at now: Timestamp,
        to xml: inout XMLWriter
    ) {
        xml.open("Container")
        xml.element("Name", name)
        xml.open("Properties")
        xml.element("Last-Modified", properties.modified.httpDate)
        xml.element("Etag", properties.etag.quoted)
        let state = properties.lease.state(at: now)
        xml.element("LeaseStatus", properties.lease.isHeld(at: now) ? "locked" : "unlocked")
        xml.element("LeaseState", state.rawValue)
        if state == .leased { xml.element("LeaseDuration", properties.lease.duration == nil ? "infinite" : "fixed") }
        xml.element("PublicAccess", properties.publicAccess?.rawValue)
        xml.element("DefaultEncryptionScope", "$account-encryption-key")
        xml.element("DenyEncryptionScopeOverride", "false")
        xml.element("HasImmutabilityPolicy", "false")
        xml.element("HasLegalHold", "false")
        xml.element("ImmutableStorageWithVersioningEnabled", "false")
        xml.close("Properties")
        if includesMetadata { xml.metadata(properties.metadata) }
        xml.close("Container")
    }

    /// The defaults of a fresh account, but for how long deleted blobs are kept.
    func getServiceProperties(_ exchange: Exchange) throws(Failure) -> Response {
        var xml = XMLWriter()
        xml.open("StorageServiceProperties")
        xml.open("Logging")
        xml.element("Version", "1.0")
        for name in ["Read", "Write", "Delete"] { xml.element(name, "false") }
        xml.retentionOff("RetentionPolicy")
        xml.close("Logging")
        for metrics in ["HourMetrics", "MinuteMetrics"] {
            xml.open(metrics)
            xml.element("Version", "1.0")
            xml.element("Enabled", "false")
            xml.retentionOff("RetentionPolicy")
            xml.close(metrics)
        }
        xml.empty("Cors")
        if let days = exchange.address.account.retentionDays {
            xml.open("DeleteRetentionPolicy")
            xml.element("Enabled", "true")
            xml.element("Days", String(days))
            xml.close("DeleteRetentionPolicy")
        } else {
            xml.retentionOff("DeleteRetentionPolicy")
        }
        xml.open("StaticWebsite")
        xml.element("Enabled", "false")
        xml.close("StaticWebsite")
        xml.close("StorageServiceProperties")
        return Response(200, [("Content-Type", "application/xml")], body: .bytes(xml.bytes))
    }

    /// `DeleteRetentionPolicy` is kept; the document is checked for the rest of it, behind which there is nothing here.
    func setServiceProperties(_ exchange: Exchange) throws(Failure) -> Response {
        let document = try exchange.receiveDocument(limit: 64 << 10)
        let root = try XMLElement.parse(document.bytes, root: "StorageServiceProperties")
        guard let policy = root.child("DeleteRetentionPolicy") else { return Response(202) }
        guard policy.child("Enabled")?.text == "true" else {
            exchange.address.account.setRetention(days: nil)
            return Response(202)
        }
        guard let days = policy.child("Days").flatMap({ Int($0.text) }), (1...365).contains(days) else {
            throw .code(.invalidXmlNodeValue, [("XmlNodeName", "Days")])
        }
        exchange.address.account.setRetention(days: days)
        return Response(202)
    }

    func getServiceStats(_ exchange: Exchange) throws(Failure) -> Response {
        var xml = XMLWriter()
        xml.open("StorageServiceStats")
        xml.open("GeoReplication")
        xml.element("Status", "live")
        xml.element("LastSyncTime", exchange.now.httpDate)
        xml.close("GeoReplication")
        xml.close("StorageServiceStats")
        return Response(200, [("Content-Type", "application/xml")], body: .bytes(xml.bytes))
    }

    func getAccountInformation(_ exchange: Exchange) throws(Failure) -> Response {
        Response(
            200,
            [
                ("x-ms-sku-name", "Standard_LRS"), ("x-ms-account-kind", "StorageV2"),
                ("x-ms-is-hns-enabled", String(exchange.address.account.isHierarchical)),
            ]
        )
    }

    /// For bearers only. A key lives at most seven days.
    func getUserDelegationKey(_ exchange: Exchange) throws(Failure) -> Response {
        guard case .full(isBearer: true) = exchange.grant else {
            throw .authenticationFailed("Only authentication scheme Bearer is allowed")
        }
        let document = try exchange.receiveDocument(limit: 16 << 10)
        let info = try XMLElement.parse(document.bytes, root: "KeyInfo")
        guard let expiry = info.child("Expiry")?.text, let end = Timestamp(iso8601: expiry) else {
            throw .code(.missingRequiredXmlNode, [("XmlNodeName", "Expiry")])
        }
        let start = info.child("Start")?.text ?? exchange.now.iso8601Seconds
        guard let begin = Timestamp(iso8601: start), begin < end, end <= exchange.now.adding(seconds: 7 * 86_400 + 60)
        else { throw .code(.invalidXmlNodeValue, [("XmlNodeName", "Expiry"), ("XmlNodeValue", expiry)]) }
        let fields = UserDelegationKey.Fields(
            objectID: Authorizer.objectID,
            tenantID: Authorizer.tenantID,
            start: begin.iso8601Seconds,
            expiry: end.iso8601Seconds,
            service: "b",
            version: exchange.version.text,
            delegatedTenantID: info.child("DelegatedUserTid")?.text ?? ""
        )
        var xml = XMLWriter()
        xml.open("UserDelegationKey")
        xml.element("SignedOid", fields.objectID)
        xml.element("SignedTid", fields.tenantID)
        xml.element("SignedStart", fields.start)
        xml.element("SignedExpiry", fields.expiry)
        xml.element("SignedService", fields.service)
        xml.element("SignedVersion", fields.version)
        if !fields.delegatedTenantID.isEmpty { xml.element("SignedDelegatedUserTid", fields.delegatedTenantID) }
        xml.element("Value", Base64.encode(UserDelegationKey.value(fields, accountKey: exchange.address.account.key)))
        xml.close("UserDelegationKey")
        return Response(200, [("Content-Type", "application/xml")], body: .bytes(xml.bytes))
    }
}

extension XMLWriter {
    fileprivate mutating func retentionOff(_ name: String) {
        open(name)
        element("Enabled", "false")
        close(name)
    }
}
