internal import DequeModule

/// Which transfer starts next: a pure value, so that its rule can be tested without a network.
///
/// The foreground goes first; the background uses at most `backgroundMax` of the connections, so that somebody who
/// waits never waits for read-ahead to finish. Where several accounts share the connections, each in a lane, none has more
/// than three in four of either: one that does not answer leaves the others a way.
struct TransportQueue<Item> {
    private struct Waiting {
        let item: Item
        let lane: Int
    }

    let connectionsMax: Int
    let backgroundMax: Int
    private var foreground: Deque<Waiting> = []
    private var background: Deque<Waiting> = []
    /// Of each lane that was seen, the active ones of both kinds.
    private var active: [Int: (foreground: Int, background: Int)] = [:]
    private(set) var foregroundActive = 0
    private(set) var backgroundActive = 0

    /// One connection in four, and at least one if there are two, is kept for the foreground: sixteen of 64, so that
    /// as many random reads at a time go on beside a stream as if there were none.
    init(connectionsMax: Int) {
        self.connectionsMax = max(1, connectionsMax)
        backgroundMax = max(1, self.connectionsMax - max(1, self.connectionsMax / 4))
    }

    mutating func append(_ item: Item, _ priority: TransferPriority, lane: Int = 0) {
        if active[lane] == nil { active[lane] = (0, 0) }
        let waiting = Waiting(item: item, lane: lane)
        switch priority {
        case .foreground: foreground.append(waiting)
        case .background: background.append(waiting)
        }
    }

    private func share(of count: Int) -> Int { active.count < 2 ? count : max(1, count - count / 4) }

    /// Whether the lane has not got its share yet.
    private func mayStart(_ lane: Int, _ priority: TransferPriority) -> Bool {
        guard active.count > 1, let own = active[lane] else { return true }
        guard own.foreground + own.background < share(of: connectionsMax) else { return false }
        return priority == .foreground || own.background < share(of: backgroundMax)
    }

    /// Whether `next` would give one.
    var hasStartable: Bool {
        guard foregroundActive + backgroundActive < connectionsMax else { return false }
        return foreground.contains { mayStart($0.lane, .foreground) }
            || backgroundActive < backgroundMax && background.contains { mayStart($0.lane, .background) }
    }

    /// The next to start, if there is room; it counts as active until `finished`.
    mutating func next() -> Item? {
        guard foregroundActive + backgroundActive < connectionsMax else { return nil }
        if let index = foreground.firstIndex(where: { mayStart($0.lane, .foreground) }) {
            let next = foreground.remove(at: index)
            started(.foreground, next.lane)
            return next.item
        }
        guard backgroundActive < backgroundMax,
            let index = background.firstIndex(where: { mayStart($0.lane, .background) })
        else { return nil }
        let next = background.remove(at: index)
        started(.background, next.lane)
        return next.item
    }

    private mutating func started(_ priority: TransferPriority, _ lane: Int) {
        switch priority {
        case .foreground:
            foregroundActive += 1
            active[lane, default: (0, 0)].foreground += 1
        case .background:
            backgroundActive += 1
            active[lane, default: (0, 0)].background += 1
        }
    }

    /// Takes a connection for one more request of the foreground that was not queued. Says whether there is one.
    mutating func takeExtra(lane: Int = 0) -> Bool {
        guard foregroundActive + backgroundActive < connectionsMax, mayStart(lane, .foreground) else { return false }
        started(.foreground, lane)
        return true
    }

    /// Puts one that waits in the background at the end of the foreground. Gives it, or `nil` if none does.
    mutating func raise(where isSought: (Item) -> Bool) -> Item? {
        guard let index = background.firstIndex(where: { isSought($0.item) }) else { return nil }
        let waiting = background.remove(at: index)
        foreground.append(waiting)
        return waiting.item
    }

    mutating func finished(_ priority: TransferPriority, lane: Int = 0) {
        switch priority {
        case .foreground:
            foregroundActive -= 1
            active[lane]?.foreground -= 1
        case .background:
            backgroundActive -= 1
            active[lane]?.background -= 1
        }
    }

    /// Takes out one that waits; `nil` if none does.
    mutating func remove(where isSought: (Item) -> Bool) -> Item? {
        if let index = foreground.firstIndex(where: { isSought($0.item) }) { return foreground.remove(at: index).item }
        if let index = background.firstIndex(where: { isSought($0.item) }) { return background.remove(at: index).item }
        return nil
    }

    mutating func removeAll() -> [Item] {
        defer {
            foreground.removeAll()
            background.removeAll()
        }
        return (foreground + background).map(\.item)
    }
}
