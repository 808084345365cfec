/// Passing over items: the whole grammar of R's serialization (ReadItem of serialize.c).
extension RDSReader {
    /// What is still to be read of the items that were begun. Lists are followed to their end without going deeper, so a
    /// pairlist of a million pairs nests no more than one pair.
    private enum Step {
        case items(UInt64)
        case bytecode
        case bytecodeConstants
        case bytecodeConstant(left: UInt64)
        case bytecodePart
    }

    /// Passes over one item.
    func skip() throws { try skipItems(1) }

    func skipItems(_ count: UInt64) throws {
        guard count > 0 else { return }
        var steps: [Step] = [.items(count)]
        try run(&steps)
    }

    /// Passes over what follows a header.
    func skipBody(_ header: ItemHeader) throws {
        var steps: [Step] = []
        try addBody(header, &steps)
        try run(&steps)
    }

    private func run(_ steps: inout [Step]) throws {
        while let step = steps.popLast() {
            guard steps.count < Self.nestingMax else {
                throw RDSError(input.offset, "nests deeper than \(Self.nestingMax) items")
            }
            switch step {
            case .items(let count):
                if count > 1 { steps.append(.items(count - 1)) }
                try addBody(begin(), &steps)
            case .bytecode:
                steps.append(.bytecodeConstants)
                steps.append(.items(1))
            case .bytecodeConstants:
                let offset = input.offset
                let count = try input.int32()
                guard count >= 0 else { throw RDSError(offset, "has byte code with \(count) constants") }
                if count > 0 { steps.append(.bytecodeConstant(left: UInt64(count))) }
            case .bytecodeConstant(let left):
                if left > 1 { steps.append(.bytecodeConstant(left: left - 1)) }
                let type = UInt8(truncatingIfNeeded: try input.int32())
                if type == ItemType.bytecode { steps.append(.bytecode) } else { try addPart(type, &steps) }
            case .bytecodePart:
                try addPart(UInt8(truncatingIfNeeded: try input.int32()), &steps)
            }
        }
    }

    /// Steps are taken from the end.
    private func addBody(_ header: ItemHeader, _ steps: inout [Step]) throws {
        let attributes = header.hasAttributes ? 1 : 0 as UInt64
        switch header.type {
        case ItemType.null, ItemType.reference, ItemType.emptyEnvironment, ItemType.baseEnvironment,
            ItemType.globalEnvironment, ItemType.unboundValue, ItemType.missingArgument, ItemType.baseNamespace:
            return
        case ItemType.symbol: _ = try symbol()
        case ItemType.persistent, ItemType.package, ItemType.namespace:
            let offset = input.offset
            let (zero, count) = (try input.int32(), try input.int32())
            guard zero == 0, count >= 0 else { throw RDSError(offset, "has a package without a name") }
            add(UInt64(count), &steps)
        case ItemType.environment:
            // Whether it is locked; then enclosure, frame, hash table and attributes.
            _ = try input.int32()
            add(4, &steps)
        case ItemType.pairs, ItemType.call, ItemType.closure, ItemType.promise, ItemType.dots:
            add(attributes + (header.hasTag ? 1 : 0) + 2, &steps)
        case ItemType.externalPointer: add(2 + attributes, &steps)
        case ItemType.weakReference, ItemType.s4: add(attributes, &steps)
        case ItemType.special, ItemType.builtin:
            let offset = input.offset
            let count = try input.int32()
            guard count >= 0 else { throw RDSError(offset, "has a function with a name of \(count) bytes") }
            try input.skip(UInt64(count))
            add(attributes, &steps)
        case ItemType.characters: _ = try characters(header, keeping: 0)
        case ItemType.logicals, ItemType.integers: try addVector(4, attributes, &steps)
        case ItemType.reals: try addVector(8, attributes, &steps)
        case ItemType.complexes: try addVector(16, attributes, &steps)
        case ItemType.raw: try addVector(1, attributes, &steps)
        case ItemType.strings, ItemType.list, ItemType.expressions:
            add(try length() + attributes, &steps)
        case ItemType.bytecode:
            // How many of its parts are shared.
            _ = try input.int32()
            add(attributes, &steps)
            steps.append(.bytecode)
        case ItemType.altrep:
            // Class, state, attributes.
            add(3, &steps)
        default: throw RDSError(input.offset - 4, "has an item of the unknown type \(header.type)")
        }
    }

    private func add(_ count: UInt64, _ steps: inout [Step]) {
        if count > 0 { steps.append(.items(count)) }
    }

    private func addVector(_ byteCount: UInt64, _ attributes: UInt64, _ steps: inout [Step]) throws {
        try input.skip(try length() * byteCount)
        add(attributes, &steps)
    }

    /// A part of byte code: a constant, a call or pairlist, or another mention of one.
    private func addPart(_ type: UInt8, _ steps: inout [Step]) throws {
        var type = type
        switch type {
        case ItemType.bytecodeReference:
            _ = try input.int32()
            return
        case ItemType.bytecodeDefinition:
            _ = try input.int32()
            type = UInt8(truncatingIfNeeded: try input.int32())
        default: break
        }
        switch type {
        case ItemType.call, ItemType.pairs, ItemType.bytecodeAttributedCall, ItemType.bytecodeAttributedPairs:
            let isAttributed = type != ItemType.call && type != ItemType.pairs
            steps.append(.bytecodePart)
            steps.append(.bytecodePart)
            add(isAttributed ? 2 : 1, &steps)
        default: add(1, &steps)
        }
    }
}
