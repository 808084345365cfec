internal import BlobStorage

/// Holds a blob `a` of a listing back until the listing has passed `a/`: then it is known whether a directory has its name.
/// What is held is a chain, each name the beginning of the next, so it is short.
struct HeldBack: Sendable {
    /// A blob of which everything is known now.
    struct Final: Sendable {
        let name: String
        let properties: BlobProperties
        /// A directory has its name.
        var isShadowed: Bool
    }

    private var held: [Final] = []

    /// Goes on to a blob.
    mutating func pass(_ name: String, _ properties: BlobProperties) -> [Final] {
        defer { held.append(Final(name: name, properties: properties, isShadowed: false)) }
        return pass(prefix: name)
    }

    /// Goes on to a prefix, or to the name of a blob: what is final now, in the listing's order.
    mutating func pass(prefix name: String) -> [Final] {
        for index in held.indices where Self.isBelow(name, held[index].name) { held[index].isShadowed = true }
        let start = held.firstIndex { !Self.mayBeBelow(name, $0.name) } ?? held.endIndex
        defer { held.removeSubrange(start...) }
        return Array(held[start...])
    }

    /// The listing is over.
    mutating func finish() -> [Final] {
        defer { held = [] }
        return held
    }

    private static func isBelow(_ name: String, _ directory: String) -> Bool {
        name.utf8.dropFirst(directory.utf8.count).first == UInt8(ascii: "/") && name.utf8.starts(with: directory.utf8)
    }

    /// Whether `directory/…` can still come once the listing is at `name`.
    private static func mayBeBelow(_ name: String, _ directory: String) -> Bool {
        guard name.utf8.starts(with: directory.utf8) else { return false }
        return name.utf8.dropFirst(directory.utf8.count).first.map { $0 <= UInt8(ascii: "/") } ?? true
    }
}
