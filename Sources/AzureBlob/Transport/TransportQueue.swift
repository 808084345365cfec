internal import DequeModule

/// Which transfer starts next: a pure value, so that its rule can be tested without a network.
///
/// The foreground goes first; the background uses at most `backgroundMax` of the connections, so that somebody who
/// waits never waits for read-ahead to finish.
struct TransportQueue<Item> {
    let connectionsMax: Int
    let backgroundMax: Int
    private var foreground: Deque<Item> = []
    private var background: Deque<Item> = []
    private(set) var foregroundActive = 0
    private(set) var backgroundActive = 0

    /// One connection in eight, and at least one if there are two, is kept for the foreground.
    init(connectionsMax: Int) {
        self.connectionsMax = max(1, connectionsMax)
        backgroundMax = max(1, self.connectionsMax - max(1, self.connectionsMax / 8))
    }

    mutating func append(_ item: Item, _ priority: TransferPriority) {
        switch priority {
        case .foreground: foreground.append(item)
        case .background: background.append(item)
        }
    }

    /// The next to start, if there is room; it counts as active until `finished`.
    mutating func next() -> Item? {
        guard foregroundActive + backgroundActive < connectionsMax else { return nil }
        if let item = foreground.popFirst() {
            foregroundActive += 1
            return item
        }
        guard backgroundActive < backgroundMax, let item = background.popFirst() else { return nil }
        backgroundActive += 1
        return item
    }

    mutating func finished(_ priority: TransferPriority) {
        switch priority {
        case .foreground: foregroundActive -= 1
        case .background: backgroundActive -= 1
        }
    }

    /// Takes out one that waits; `nil` if none does.
    mutating func remove(where isSought: (Item) -> Bool) -> Item? {
        if let index = foreground.firstIndex(where: isSought) { return foreground.remove(at: index) }
        if let index = background.firstIndex(where: isSought) { return background.remove(at: index) }
        return nil
    }

    mutating func removeAll() -> [Item] {
        defer {
            foreground.removeAll()
            background.removeAll()
        }
        return Array(foreground) + Array(background)
    }
}
