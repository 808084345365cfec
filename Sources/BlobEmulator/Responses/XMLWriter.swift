/// Writes the service's XML: a byte order mark, the declaration, then elements without white space.
struct XMLWriter {
    private(set) var bytes: [UInt8] = [0xEF, 0xBB, 0xBF]

    init(capacity: Int = 1024) {
        bytes.reserveCapacity(capacity)
        bytes.append(contentsOf: #"<?xml version="1.0" encoding="utf-8"?>"#.utf8)
    }

    mutating func open(_ name: String, _ attributes: [(name: String, value: String)] = []) {
        bytes.append(UInt8(ascii: "<"))
        bytes.append(contentsOf: name.utf8)
        for attribute in attributes {
            bytes.append(UInt8(ascii: " "))
            bytes.append(contentsOf: attribute.name.utf8)
            bytes.append(contentsOf: "=\"".utf8)
            escape(attribute.value.utf8)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: ">"))
    }

    mutating func close(_ name: String) {
        bytes.append(contentsOf: "</".utf8)
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: ">"))
    }

    mutating func element(_ name: String, _ text: String) {
        guard !text.isEmpty else { return empty(name) }
        open(name)
        escape(text.utf8)
        close(name)
    }

    /// Nothing for nil.
    mutating func element(_ name: String, _ text: String?) {
        if let text { element(name, text) }
    }

    mutating func empty(_ name: String) {
        bytes.append(UInt8(ascii: "<"))
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: " />".utf8)
    }

    /// `<Name>`, percent-encoded and marked so if XML has no way to carry it.
    mutating func name(_ name: Name, encodes: Bool) {
        if encodes, needsEncoding(name.bytes) {
            open("Name", [("Encoded", "true")])
            bytes.append(contentsOf: PercentCoding.encode(name.bytes).utf8)
        } else {
            open("Name")
            escape(name.bytes)
        }
        close("Name")
    }

    mutating func escape(_ text: some Collection<UInt8>) {
        // Hardly any text has something to escape, and a listing has a hundred thousand of them.
        guard text.contains(where: isSpecial) else {
            bytes.append(contentsOf: text)
            return
        }
        for byte in text {
            switch byte {
            case UInt8(ascii: "&"): bytes.append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): bytes.append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): bytes.append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: "&quot;".utf8)
            // A parser would turn these into spaces or drop them.
            case UInt8(ascii: "\r"): bytes.append(contentsOf: "&#xD;".utf8)
            default: bytes.append(byte)
            }
        }
    }
}

private func isSpecial(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "\r"): true
    default: false
    }
}

/// U+FFFE and U+FFFF (EF BF BE, EF BF BF) are no XML characters.
private func needsEncoding(_ name: [UInt8]) -> Bool {
    guard name.contains(0xEF) else { return false }
    return name.indices.dropLast(2).contains { name[$0] == 0xEF && name[$0 + 1] == 0xBF && name[$0 + 2] >= 0xBE }
}
