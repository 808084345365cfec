/// The number of an element of a `SlotTable`, never given twice: a late answer finds nothing rather than another's place.
struct SlotID: Hashable, Sendable {
    let index: Int32
    let generation: UInt32
}

/// Elements under numbers, without an allocation each.
struct SlotTable<Element: Sendable>: Sendable {
    private struct Slot: Sendable {
        var generation: UInt32 = 0
        var element: Element?
    }

    private var slots: [Slot] = []
    private var freeSlots: [Int32] = []
    private(set) var count = 0

    mutating func insert(_ element: Element) -> SlotID {
        count += 1
        guard let index = freeSlots.popLast() else {
            slots.append(Slot(element: element))
            return SlotID(index: Int32(slots.count - 1), generation: 0)
        }
        slots[Int(index)].element = element
        return SlotID(index: index, generation: slots[Int(index)].generation)
    }

    /// `nil` once the element was removed.
    subscript(_ id: SlotID) -> Element? {
        get {
            let slot = slots[Int(id.index)]
            return slot.generation == id.generation ? slot.element : nil
        }
        set {
            guard slots[Int(id.index)].generation == id.generation else { return }
            slots[Int(id.index)].element = newValue
        }
    }

    func contains(_ id: SlotID) -> Bool { slots[Int(id.index)].generation == id.generation }

    /// Changes the element in its place, if it is still there.
    @discardableResult
    mutating func update<Result>(_ id: SlotID, _ change: (inout Element) -> Result) -> Result? {
        guard slots[Int(id.index)].generation == id.generation, slots[Int(id.index)].element != nil else { return nil }
        return slots[Int(id.index)].element.mutate(change)
    }

    @discardableResult
    mutating func remove(_ id: SlotID) -> Element? {
        guard slots[Int(id.index)].generation == id.generation else { return nil }
        let element = slots[Int(id.index)].element.take()
        guard element != nil else { return nil }
        slots[Int(id.index)].generation &+= 1
        freeSlots.append(id.index)
        count -= 1
        return element
    }

    /// The id of what now sits at an index.
    func id(at index: Int32) -> SlotID { SlotID(index: index, generation: slots[Int(index)].generation) }

    var ids: [SlotID] {
        slots.indices.filter { slots[$0].element != nil }.map { id(at: Int32($0)) }
    }
}

extension Optional {
    /// Changes the wrapped value in place: taking it out and putting it back would copy its arrays.
    fileprivate mutating func mutate<Result>(_ change: (inout Wrapped) -> Result) -> Result? {
        switch take() {
        case .some(var value):
            let result = change(&value)
            self = value
            return result
        case .none: return nil
        }
    }
}
