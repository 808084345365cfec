/// What a request's path names: account, perhaps a container, perhaps a blob.
struct ResourceAddress: Sendable {
    var account: AccountState
    var container: String?
    var blob: Name?
    /// The path as the signature has it: percent-encoding untouched, without the suffix of a secondary.
    var signedPath: String
    /// Whether the host is the Data Lake endpoint's. In path style both endpoints are one, and the request itself tells.
    var isDataLake = false

    var target: Operation.Target {
        blob != nil ? .blob : container != nil ? .container : .account
    }

    /// `/blob/account/container/name`, decoded: what a token for a container or blob signs.
    func canonicalName(blob: String?) -> String {
        let base = "/blob/\(account.name)/\(container ?? "")"
        guard let blob, !blob.isEmpty else { return base }
        return base + "/" + blob
    }
}

extension ResourceAddress {
    /// Takes host style (`account.localhost`) where the host's first label is an account, path style otherwise.
    init(path: String, host: String?, isContainerLevel: Bool, accounts: [String: AccountState]) throws(Failure) {
        let bytes = path.utf8
        guard bytes.first == UInt8(ascii: "/") else { throw .code(.invalidUri) }
        var rest = bytes.dropFirst()
        signedPath = path

        if let host, let named = Self.account(ofHost: host, accounts) {
            account = named
            isDataLake = host.split(separator: ".").dropFirst().first == "dfs"
        } else {
            let segment = Self.takeSegment(&rest)
            let name = String(decoding: segment, as: UTF8.self)
            if let found = accounts[name] {
                account = found
            } else if name.hasSuffix("-secondary"), let found = accounts[String(name.dropLast(10))] {
                account = found
                signedPath = "/\(found.name)" + path.dropFirst(1 + name.count)
            } else {
                throw .code(.resourceNotFound)
            }
        }
        guard !rest.isEmpty else { return }
        let first = Self.takeSegment(&rest)
        // One segment alone is a container if the parameters say so, otherwise a blob of the root container.
        if rest.isEmpty, !isContainerLevel, path.utf8.last != UInt8(ascii: "/") {
            container = "$root"
            blob = try BlobNaming.name(decoding: first)
        } else {
            guard let name = PercentCoding.decode(first) else { throw .code(.invalidUri) }
            container = String(decoding: name, as: UTF8.self)
            if !rest.isEmpty { blob = try BlobNaming.name(decoding: rest) }
        }
        // No slash at an end, none twice; what is left is the root where there were only slashes.
        guard account.isHierarchical, let name = blob?.normalizedPath else { return }
        blob = name.bytes.isEmpty ? nil : name
    }

    private static func takeSegment(_ rest: inout Substring.UTF8View) -> Substring.UTF8View {
        let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        let segment = rest[..<end]
        rest = end < rest.endIndex ? rest[rest.index(after: end)...] : rest[end...]
        return segment
    }

    private static func account(ofHost host: String, _ accounts: [String: AccountState]) -> AccountState? {
        let label = host.prefix { $0 != "." && $0 != ":" }
        guard label.utf8.count < host.utf8.count, host[label.endIndex] == "." else { return nil }
        let name = label.hasSuffix("-secondary") ? label.dropLast(10) : label
        return accounts[String(name)]
    }
}

/// The rules for names of containers and blobs.
enum BlobNaming {
    /// The blob's name that a path stands for, as the service understands it: `\` is `/`, and dots at the end of a
    /// segment are dropped.
    static func name(decoding path: some Collection<UInt8>) throws(Failure) -> Name {
        guard var bytes = PercentCoding.decode(path), String(validating: bytes, as: UTF8.self) != nil else {
            throw .code(.invalidUri)
        }
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\\") { bytes[index] = UInt8(ascii: "/") }
        let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let kept = try segments.map { (segment) throws(Failure) in
            let end = segment.lastIndex { $0 != UInt8(ascii: ".") }
            // `.` and `..` are no segments of a name.
            guard end != nil || segment.isEmpty else { throw .code(.invalidUri) }
            return end.map { segment[...$0] } ?? segment
        }
        bytes = Array(kept.joined(separator: [UInt8(ascii: "/")]))
        guard !bytes.isEmpty, !hasUnsupportedCharacter(bytes) else { throw .code(.invalidUri) }
        guard bytes.count <= 1024 || String(decoding: bytes, as: UTF8.self).utf16.count <= 1024,
            segments.count <= 254
        else { throw .code(.outOfRangeInput) }
        return Name(bytes)
    }

    /// Controls: XML cannot carry them, and the service refuses them.
    private static func hasUnsupportedCharacter(_ name: [UInt8]) -> Bool {
        name.indices.contains { index in
            name[index] < 0x20 || name[index] == 0x7F
                || name[index] == 0xC2 && index + 1 < name.count && (0x80...0x9F).contains(name[index + 1])
        }
    }

    /// 3 to 63 of `[a-z0-9-]`, no dash at an end, no two in a row; or one of the service's own containers.
    static func checkContainer(_ name: String) throws(Failure) {
        if ["$root", "$web", "$logs"].contains(name) { return }
        guard (3...63).contains(name.utf8.count) else { throw .code(.outOfRangeInput) }
        var previous = UInt8(ascii: "-")
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): break
            case UInt8(ascii: "-") where previous != UInt8(ascii: "-"): break
            default: throw .code(.invalidResourceName)
            }
            previous = byte
        }
        guard previous != UInt8(ascii: "-") else { throw .code(.invalidResourceName) }
    }
}
