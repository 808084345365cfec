/// The order in which names become final while a listing goes by.
///
/// A listing comes in the order of its names' bytes: `a`, `a-b`, `a/`. Whether the blob `a` has its plain name or stands
/// beside a directory is known when the listing has passed `a/`. So each name counts as if it ended with a slash:
/// `a-b/`, `a/`. A directory and the file that it hides have the same place in this order.
enum NameOrder {
    private static let slash = UInt8(ascii: "/")

    /// -1, 0 or 1: how `name` with a slash at its end compares with `position`, a name or prefix as the store has it.
    static func compare(finalOf name: some BidirectionalCollection<UInt8>, with position: [UInt8]) -> Int {
        var index = 0
        for byte in name {
            guard index < position.count else { return 1 }
            if byte != position[index] { return byte < position[index] ? -1 : 1 }
            index += 1
        }
        guard index < position.count else { return 1 }
        if position[index] != slash { return slash < position[index] ? -1 : 1 }
        return index + 1 < position.count ? -1 : 0
    }

    /// The same for two names, both with a slash at their ends.
    static func compare(finalOf name: ArraySlice<UInt8>, withFinalOf other: ArraySlice<UInt8>) -> Int {
        var (one, two) = (name.startIndex, other.startIndex)
        while one < name.endIndex, two < other.endIndex {
            if name[one] != other[two] { return name[one] < other[two] ? -1 : 1 }
            one += 1
            two += 1
        }
        if one < name.endIndex { return name[one] < slash ? -1 : 1 }
        if two < other.endIndex { return slash < other[two] ? -1 : 1 }
        return 0
    }

    /// Whether `one` comes before `other` in the store's own order.
    static func precedes(_ one: [UInt8], _ other: [UInt8]) -> Bool { one.lexicographicallyPrecedes(other) }
}
