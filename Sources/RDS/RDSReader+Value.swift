/// Keeping items: what an error says, what elements are called.
extension RDSReader {
    /// Deeper in, everything is left out: what is kept is also walked over by the machine's stack.
    private static let keptNestingMax = 32

    /// The next item. What the budget has no room for is passed over.
    func value(_ budget: inout ValueBudget, nesting: Int = 0) throws -> RValue {
        try value(begin(), &budget, nesting: nesting)
    }

    func value(_ header: ItemHeader, _ budget: inout ValueBudget, nesting: Int = 0) throws -> RValue {
        guard nesting < Self.keptNestingMax, budget.takeElements(1) == 1 else {
            try skipBody(header)
            return .omitted
        }
        let content: RValue.Content
        switch header.type {
        case ItemType.null: return RValue(content: .null)
        case ItemType.missingArgument: return RValue(content: .missing)
        case ItemType.reference, ItemType.symbol:
            return RValue(content: try symbolName(header).map { .symbol($0) } ?? .omitted)
        case ItemType.pairs, ItemType.call: return try pairs(header, &budget, nesting)
        case ItemType.altrep: return try compact(&budget, nesting)
        case ItemType.strings: content = .strings(try strings(&budget))
        case ItemType.logicals: content = .logicals(try numbers(&budget).map { $0.map { $0 != 0 } })
        case ItemType.integers: content = .integers(try numbers(&budget))
        case ItemType.reals: content = .reals(try reals(&budget))
        case ItemType.list: content = .list(try elements(&budget, nesting))
        default:
            try skipBody(header)
            return .omitted
        }
        let attributes = header.hasAttributes ? try self.attributes(&budget, nesting) : []
        return RValue(content: content, attributes: attributes)
    }

    func attributes(_ budget: inout ValueBudget, _ nesting: Int = 0) throws -> [RValue.Pair] {
        guard case .pairs(let pairs) = try value(&budget, nesting: nesting + 1).content else { return [] }
        return pairs
    }

    private func strings(_ budget: inout ValueBudget) throws -> [String?] {
        let count = try length()
        let kept = budget.takeElements(count)
        var strings: [String?] = []
        for _ in 0..<kept {
            let header = try begin()
            guard header.type == ItemType.characters else {
                throw RDSError(input.offset - 4, "has \(ItemType.name(header.type)) among strings")
            }
            let text = try characters(header, keeping: budget.bytes)
            budget.bytes -= text?.utf8.count ?? 0
            strings.append(text)
        }
        try skipItems(count - UInt64(kept))
        return strings
    }

    private func numbers(_ budget: inout ValueBudget) throws -> [Int32?] {
        let count = try length()
        let kept = budget.takeElements(count)
        var numbers: [Int32?] = []
        for _ in 0..<kept {
            let number = try input.int32()
            // R's NA_INTEGER.
            numbers.append(number == .min ? nil : number)
        }
        try input.skip((count - UInt64(kept)) * 4)
        return numbers
    }

    private func reals(_ budget: inout ValueBudget) throws -> [Double] {
        let count = try length()
        let kept = budget.takeElements(count)
        var reals: [Double] = []
        for _ in 0..<kept { reals.append(try input.double()) }
        try input.skip((count - UInt64(kept)) * 8)
        return reals
    }

    private func elements(_ budget: inout ValueBudget, _ nesting: Int) throws -> [RValue] {
        let count = try length()
        let kept = min(count, UInt64(max(0, budget.elements)))
        var elements: [RValue] = []
        for _ in 0..<kept { elements.append(try value(&budget, nesting: nesting + 1)) }
        try skipItems(count - kept)
        return elements
    }

    /// A pairlist or a call: to its end, without going deeper.
    private func pairs(_ first: ItemHeader, _ budget: inout ValueBudget, _ nesting: Int) throws -> RValue {
        var header = first
        var attributes: [RValue.Pair] = []
        var pairs: [RValue.Pair] = []
        while header.type == first.type || header.type == ItemType.pairs {
            if budget.takeElements(1) == 0 {
                try skipBody(header)
                break
            }
            if header.hasAttributes {
                let found = try self.attributes(&budget, nesting)
                if pairs.isEmpty { attributes = found }
            }
            let tag = header.hasTag ? try symbolName(begin()) : nil
            pairs.append(.init(tag: tag, value: try value(&budget, nesting: nesting + 1)))
            header = try begin()
            if header.type == ItemType.null { break }
            // A dotted pair: what follows is no list any more.
            if header.type != ItemType.pairs {
                pairs.append(.init(tag: nil, value: try value(header, &budget, nesting: nesting + 1)))
                break
            }
        }
        return RValue(content: first.type == ItemType.call ? .call(pairs) : .pairs(pairs), attributes: attributes)
    }

    // MARK: Compact vectors

    /// What R 3.5 and later write in place of some vectors: the name of a class, and what it makes the elements from.
    private func compact(_ budget: inout ValueBudget, _ nesting: Int) throws -> RValue {
        let kind = try value(&budget, nesting: nesting + 1)
        let state = try value(&budget, nesting: nesting + 1)
        let attributes = try self.attributes(&budget, nesting)
        guard case .pairs(let names) = kind.content, case .symbol(let name) = names.first?.value.content else {
            return RValue(content: .omitted, attributes: attributes)
        }
        let content: RValue.Content =
            switch name {
            case "compact_intseq", "compact_realseq": Self.sequence(state, isInteger: name == "compact_intseq", &budget)
            case "deferred_string": Self.text(Self.first(state))
            case _ where name.hasPrefix("wrap_"): Self.first(state)
            default: .omitted
            }
        return RValue(content: content, attributes: attributes)
    }

    private static func first(_ state: RValue) -> RValue.Content {
        switch state.content {
        case .pairs(let pairs): pairs.first?.value.content ?? .omitted
        case .list(let list): list.first?.content ?? .omitted
        default: .omitted
        }
    }

    /// The state is length, first element and step (1 or −1).
    private static func sequence(_ state: RValue, isInteger: Bool, _ budget: inout ValueBudget) -> RValue.Content {
        guard case .reals(let numbers) = state.content, numbers.count == 3, (0...9e15).contains(numbers[0]) else {
            return .omitted
        }
        let count = budget.takeElements(UInt64(numbers[0]))
        let reals = (0..<count).map { numbers[1] + Double($0) * numbers[2] }
        guard isInteger else { return .reals(reals) }
        return .integers(reals.map { Int32(exactly: $0) })
    }

    /// As `as.character` writes numbers that are whole; others do not count iterations.
    private static func text(_ content: RValue.Content) -> RValue.Content {
        switch content {
        case .integers(let numbers): .strings(numbers.map { $0.map { "\($0)" } })
        case .reals(let numbers): .strings(numbers.map { Int(exactly: $0).map { "\($0)" } ?? "\($0)" })
        default: .omitted
        }
    }
}
