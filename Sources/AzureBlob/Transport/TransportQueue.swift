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

    /// One connection in four, and at least one if there are two, is kept for the foreground: sixteen of 64, so that
    /// as many random reads at a time go on beside a stream as if there were none.
    init(connectionsMax: Int) {
        self.connectionsMax = max(1, connectionsMax)
        backgroundMax = max(1, self.connectionsMax - max(1, self.connectionsMax / 4))
    }

    mutating func append(_ item: Item, _ priority: TransferPriority) {
        switch priority {
        case .foreground: foreground.append(item)
        case .background: background.append(item)
        }
    }

    /// Whether `next` would give one.
    var hasStartable: Bool {
        guard foregroundActive + backgroundActive < connectionsMax else { return false }
        return !foreground.isEmpty || (backgroundActive < backgroundMax && !background.isEmpty)
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

    /// Takes a connection for one more request of the foreground that was not queued. Says whether there is one.
    mutating func takeExtra() -> Bool {
        guard foregroundActive + backgroundActive < connectionsMax else { return false }
        foregroundActive += 1
        return true
    }

    /// Puts one that waits in the background at the end of the foreground. Gives it, or `nil` if none does.
    mutating func raise(where isSought: (Item) -> Bool) -> Item? {
        guard let index = background.firstIndex(where: isSought) else { return nil }
        let item = background.remove(at: index)
        foreground.append(item)
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
