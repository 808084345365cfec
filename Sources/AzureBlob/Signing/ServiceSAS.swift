internal import BlobStorage

/// A service SAS that this client signs itself: for copy sources, which do not take the caller's Shared Key.
struct ServiceSAS: Sendable, Hashable {
    /// Letters in the order `racwdxyltfmei`.
    var permissions: String
    var start: String = ""
    var expiry: String
    var resource: Resource
    var policy: String = ""
    var addresses: String = ""
    var protocols: String = ""
    /// The `sv` field; the layout below is that of 2020-12-06 and later.
    var version: String = StorageRequest.serviceVersion

    enum Resource: Sendable, Hashable {
        case container(String)
        case blob(BlobAddress)
        case snapshot(BlobAddress, time: String)

        /// The `sr` field.
        var kind: String {
            switch self {
            case .container: "c"
            case .blob: "b"
            case .snapshot: "bs"
            }
        }
    }

    /// Reading one blob for a while. No start time: the signing host's clock may be ahead of the service's.
    static func reading(_ blob: BlobAddress, until expiry: Int64) -> ServiceSAS {
        ServiceSAS(permissions: "r", expiry: HTTPDate.formatISO(expiry), resource: .blob(blob))
    }

    /// Sixteen lines without a last line break. Names are not percent-encoded, and the account comes once.
    func stringToSign(account: String) -> String {
        let name: String
        var snapshot = ""
        switch resource {
        case .container(let container):
            name = container
        case .blob(let blob):
            name = "\(blob.container)/\(blob.name)"
        case .snapshot(let blob, let time):
            name = "\(blob.container)/\(blob.name)"
            snapshot = time
        }
        let lines = [
            permissions, start, expiry, "/blob/\(account)/\(name)", policy, addresses, protocols, version,
            resource.kind, snapshot, "", "", "", "", "", "",
        ]
        return lines.joined(separator: "\n")
    }

    /// The query string, signed.
    func token(account: String, key: SigningKey) -> Secret {
        let fields = [
            ("st", start), ("se", expiry), ("sp", permissions), ("sip", addresses), ("spr", protocols),
            ("sv", version), ("si", policy), ("sr", resource.kind),
            ("sig", key.signature(of: stringToSign(account: account))),
        ]
        let query = fields.filter { !$0.1.isEmpty }.map { "\($0.0)=\(PercentEncoding.queryValue($0.1))" }
        return Secret(query.joined(separator: "&"))
    }
}
