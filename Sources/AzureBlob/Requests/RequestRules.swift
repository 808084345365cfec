internal import BlobStorage

/// What the service would refuse or, worse, silently change: refused here, before anything is sent.
enum RequestRules {
    /// - Throws: `.invalid` with a message for people.
    static func check(_ request: StorageRequest) throws(StorageError) {
        if let problem = problem(of: request) {
            throw StorageError(
                .invalid,
                .permanent,
                operation: request.operation.rawValue,
                resource: request.resource,
                message: problem
            )
        }
    }

    private static func problem(of request: StorageRequest) -> String? {
        if let container = request.container, let problem = problem(ofContainer: container) { return problem }
        if let blob = request.blob {
            if let problem = problem(ofBlob: blob) { return problem }
            if request.creates, let problem = problem(ofNewBlob: blob) { return problem }
        }
        for header in request.headers {
            if let problem = problem(of: header) { return problem }
        }
        return nil
    }

    /// 3 to 63 of lower-case letters, digits and single hyphens; `$root`, `$web` and `$logs` are the service's own.
    private static func problem(ofContainer name: String) -> String? {
        if name.hasPrefix("$"), ["$root", "$web", "$logs"].contains(name) { return nil }
        let isPlain: (UInt8) -> Bool = { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
        guard (3...63).contains(name.utf8.count), name.utf8.allSatisfy({ isPlain($0) || $0 == UInt8(ascii: "-") }),
            name.utf8.first.map(isPlain) == true, name.utf8.last.map(isPlain) == true, !name.contains("--")
        else {
            return "not a container's name: 3 to 63 lower-case letters, digits and single hyphens inside"
        }
        return nil
    }

    private static func problem(ofBlob name: String) -> String? {
        if name.isEmpty { return "a blob's name is not empty" }
        if name.utf16.count > 1024 { return "a blob's name has at most 1,024 characters" }
        if name.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) {
            return "a blob's name has no segments “.” and “..”: proxies and servers resolve them"
        }
        return nil
    }

    /// Names that can be read where they exist, but would come out as another blob or break listings when created.
    private static func problem(ofNewBlob name: String) -> String? {
        if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            return "a blob's name has no control characters: listings are XML, which cannot hold them"
        }
        if name.utf8.contains(UInt8(ascii: "\\")) {
            return "a blob's name has no backslash: the service turns it into a slash"
        }
        if name.utf8.split(separator: UInt8(ascii: "/")).contains(where: { $0.last == UInt8(ascii: ".") }) {
            return "no segment of a blob's name ends in a dot: the service drops it"
        }
        return nil
    }

    /// What is not printable ASCII is changed on the way or breaks the signature.
    private static func problem(of header: HTTPHeader) -> String? {
        let prefix = "x-ms-meta-"
        let isMetadata = header.name.hasPrefix(prefix)
        let subject = isMetadata ? "metadata “\(header.name.dropFirst(prefix.count))”" : header.name
        if isMetadata, !isIdentifier(header.name.dropFirst(prefix.count)) {
            return "\(subject): a name of metadata is letters, digits and underscores, and begins with no digit"
        }
        if !header.value.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return "\(subject): the value must be printable ASCII; encode what is not"
        }
        if isMetadata, header.value.utf8.first == 0x20 || header.value.utf8.last == 0x20 {
            return "\(subject): blanks at the ends of a value would be lost; encode them"
        }
        return nil
    }

    private static func isIdentifier(_ name: Substring) -> Bool {
        let isStart: (UInt8) -> Bool = {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || $0 == UInt8(ascii: "_")
        }
        guard let first = name.utf8.first, isStart(first) else { return false }
        return name.utf8.allSatisfy { isStart($0) || (0x30...0x39).contains($0) }
    }
}

extension StorageRequest {
    /// Whether the operation can bring a blob of this name into being.
    fileprivate var creates: Bool {
        switch operation {
        case .putBlob, .putBlock, .putBlockFromURL, .putBlockList, .copyBlobFromURL, .createPath, .renamePath: true
        default: false
        }
    }
}
