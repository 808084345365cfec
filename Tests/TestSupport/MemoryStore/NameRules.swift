internal import BlobStorage

/// What the service takes as names and metadata, written down once more for tests.
enum NameRules {
    static func isContainerName(_ name: String) -> Bool {
        let name = Array(name.utf8)
        let hyphen = UInt8(ascii: "-")
        return (3...63).contains(name.count) && name.first != hyphen && name.last != hyphen
            && !zip(name, name.dropFirst()).contains { $0 == hyphen && $1 == hyphen }
            && name.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == hyphen }
    }

    /// Names that the service would refuse or change are refused: a driver must not send them. (Tests can put blobs of
    /// any name in place with `MemoryStore.add`.)
    static func check(blobName name: String, _ failures: Failures) throws(StorageError) {
        let segments = name.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...1024).contains(name.utf16.count), segments.count <= 254,
            !segments.contains(where: { $0.last == "." }),
            name.unicodeScalars.allSatisfy({
                $0.value >= 0x20 && $0.value != 0x7F && $0 != "\\" && $0.value & 0xFFFE != 0xFFFE
            })
        else { throw failures(.invalid, 400, "InvalidResourceName") }
    }

    static func check(_ metadata: BlobMetadata, _ failures: Failures) throws(StorageError) {
        for item in metadata.items {
            let name = Array(item.name.utf8)
            let isName =
                !name.isEmpty && !(0x30...0x39).contains(name[0])
                && name.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
            let isValue =
                item.value.utf8.allSatisfy { (0x20...0x7E).contains($0) } && item.value.utf8.first != 0x20
                && item.value.utf8.last != 0x20
            guard isName, isValue else { throw failures(.invalid, 400, "InvalidMetadata") }
        }
        guard metadata.byteCount <= 8 << 10 else { throw failures(.tooLarge, 400, "MetadataTooLarge") }
    }

    /// The bytes of a block id: base64 of 1 to 64 bytes.
    static func check(_ id: BlockID, _ failures: Failures) throws(StorageError) {
        let text = id.base64.utf8
        let digits = text.prefix { $0 != UInt8(ascii: "=") }
        let isBase64 =
            text.count % 4 == 0 && text.count - digits.count <= 2
            && text.dropFirst(digits.count).allSatisfy { $0 == UInt8(ascii: "=") }
            && digits.allSatisfy {
                (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                    || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/")
            }
        guard isBase64, (1...64).contains(digits.count * 3 / 4) else {
            throw failures(.invalid, 400, "InvalidQueryParameterValue")
        }
    }
}
