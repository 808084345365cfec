/// Finds slots by the hash of what they hold: open addressing, 8 bytes an entry, 10 to 15 for each slot that is in it.
///
/// The table knows hashes and numbers only; whoever asks compares what the slots hold. An entry's home is its hash
/// scaled to the table's size, so that any size will do: the table grows by half.
struct SlotIndex {
    /// The hash in the high half, the slot in the low one; 0 is free, as there is no slot 0.
    private var entries: [UInt64] = []
    private(set) var count = 0

    private static let countMin = 32

    private func home(_ entry: UInt64) -> Int { Int(((entry >> 32) * UInt64(entries.count)) >> 32) }

    private func next(_ position: Int) -> Int { position + 1 == entries.count ? 0 : position + 1 }

    /// The first slot of this hash for which `matches` holds.
    func find(_ hash: UInt32, where matches: (UInt32) -> Bool) -> UInt32? {
        guard count > 0 else { return nil }
        var position = home(UInt64(hash) << 32)
        while entries[position] != 0 {
            let entry = entries[position]
            if UInt32(entry >> 32) == hash {
                let slot = UInt32(truncatingIfNeeded: entry)
                if matches(slot) { return slot }
            }
            position = next(position)
        }
        return nil
    }

    /// `slot` must not be 0 and not be in the table.
    mutating func insert(_ hash: UInt32, _ slot: UInt32) {
        // At most four fifths full: a search that finds nothing then looks at 13 entries in the mean, 104 bytes in line.
        if (count + 1) * 5 > entries.count * 4 { resize(max(Self.countMin, entries.count * 3 / 2)) }
        place(UInt64(hash) << 32 | UInt64(slot))
        count += 1
    }

    private mutating func place(_ entry: UInt64) {
        var position = home(entry)
        while entries[position] != 0 { position = next(position) }
        entries[position] = entry
    }

    /// Does nothing if the slot is not there under this hash.
    mutating func remove(_ hash: UInt32, _ slot: UInt32) {
        guard count > 0 else { return }
        let entry = UInt64(hash) << 32 | UInt64(slot)
        var position = home(entry)
        while entries[position] != entry {
            guard entries[position] != 0 else { return }
            position = next(position)
        }
        close(position)
        count -= 1
        if entries.count > Self.countMin, count * 4 < entries.count { resize(max(Self.countMin, count * 2)) }
    }

    /// Moves what stands behind the gap, and would no longer be found across it, into it.
    private mutating func close(_ freed: Int) {
        var gap = freed
        var position = next(gap)
        while entries[position] != 0 {
            let home = home(entries[position])
            // Whether its way from home leads over the gap; the table is a ring.
            let leads = gap <= position ? home <= gap || home > position : home <= gap && home > position
            if leads {
                entries[gap] = entries[position]
                gap = position
            }
            position = next(position)
        }
        entries[gap] = 0
    }

    private mutating func resize(_ size: Int) {
        let old = entries
        entries = Array(repeating: 0, count: size)
        for entry in old where entry != 0 { place(entry) }
    }

    /// How many entries in line a search may have to look at. For tests.
    var longestRun: Int {
        var (longest, run) = (0, 0)
        for entry in entries {
            run = entry == 0 ? 0 : run + 1
            longest = max(longest, run)
        }
        return longest
    }

    /// All slots that are in it, in no order.
    var slots: [UInt32] { entries.lazy.filter { $0 != 0 }.map { UInt32(truncatingIfNeeded: $0) } }
}
