/// A short stand-in for a name: the same in every process, unlike `Hasher`'s.
enum NameHash {
    /// FNV-1a, 64 bits, of the UTF-8 bytes.
    static func fnv1a(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
