/// FNV-1a over a name's bytes: for sets of names that cost 8 bytes each, and to recognise a place in a page.
enum NameHash {
    static func of(_ name: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}

/// The names of a page that may be gone from memory: 8 bytes each. A name that is not here is not in the page; one that
/// is here is, but for 1 in 2^64.
struct NameSet: Sendable {
    private let sorted: [UInt64]

    init(_ hashes: [UInt64]) { sorted = hashes.sorted() }

    var byteCount: Int { sorted.count * 8 }

    func contains(_ hash: UInt64) -> Bool {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < hash { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low] == hash
    }
}
