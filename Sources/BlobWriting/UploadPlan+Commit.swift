package import BlobStorage

/// The steps of a commit. Between `flush` and its end nobody writes.
extension UploadPlan {
    package enum Upload: Sendable, Hashable {
        /// The whole file in one request; the checksum where it is known.
        case putBlob(crc: UInt64?)
        /// Blocks: stage what is ready, then commit `blockList`. `isHashed`: the MD5 of the whole file can be had
        /// without reading much of it again.
        case blocks(isHashed: Bool)
    }

    /// The most that one Put Blob carries.
    static let putBlobMax: UInt64 = 5_000 << 20

    /// Makes everything that is not in the store ready to be sent. All bytes must be local, or cut by `cutEdit`, and no
    /// write open.
    package mutating func flush() -> Upload {
        isFlushing = true
        isPaused = false
        flushNumber += 1
        readyQueue.removeAll()
        let isWhole = !needsBase
        let isShort = content.size <= singlePutMax && !blocks.contains(where: \.isInStore)
        // A blocked file: one request replaces the blob together with the leftovers that are in the way.
        if isWhole, isShort || isBlocked && content.size <= Self.putBlobMax { return .putBlob(crc: crc) }
        let isHashed = isWhole && prepareHash()
        if isWhole {
            recut([], mayCopy: false)
            mergeBlocks()
        }
        unsettledCount = 0
        for index in blocks.indices {
            switch blocks[index].state {
            case .held, .ready:
                blocks[index].state = .ready
                readyQueue.append(blocks[index].range.lowerBound)
                unsettledCount += 1
            case .inFlight: unsettledCount += 1
            case .staged, .committed, .kept, .zeros: break
            }
        }
        return .blocks(isHashed: isHashed)
    }

    private var crc: UInt64? { content.size == 0 ? 0 : knownChecksum(of: 0..<content.size) }

    /// The whole list, once every block is in the store.
    package func blockList(_ names: BlockNames) -> [BlockReference]? {
        var list: [BlockReference] = []
        list.reserveCapacity(blocks.count)
        for block in blocks {
            switch block.state {
            // `Latest`: finds a block also when a commit whose answer was lost did succeed.
            case .staged(let serial), .committed(let serial): list.append(.latest(names.id(serial)))
            // `Committed`: somebody else may have staged other bytes under an id that is not ours.
            case .kept(let id): list.append(.committed(id))
            case .held, .ready, .inFlight, .zeros: return nil
            }
        }
        return list
    }

    /// The blob is this file. A Put Blob leaves no blocks that could be named again.
    package mutating func committed(_ upload: Upload) {
        isFlushing = false
        forgetStageCount()
        switch upload {
        case .putBlob:
            isBlocked = false
            isEdited = false
            blocks.removeAll()
            readyQueue.removeAll()
        case .blocks:
            for index in blocks.indices {
                if case .staged(let serial) = blocks[index].state { blocks[index].state = .committed(serial: serial) }
            }
        }
    }

    /// The commit did not succeed. What is staged stays so; what was not sent yet waits for the next one.
    package mutating func commitFailed() {
        isFlushing = false
        holdReadyBlocks()
    }

    /// The next bytes for the hash.
    package mutating func claimForHashing(_ count: UInt64) -> Range<UInt64>? {
        hashing.claim(below: hashLimit, count: count)
    }

    /// The hash covers exactly the file.
    package var isHashComplete: Bool { !hashing.isVoid && hashing.claimed == content.size }

    /// The leftovers of another program must go first: the file is too long for the one request that drops them.
    package var mustClearLeftovers: Bool { isBlocked && content.size > Self.putBlobMax && !needsBase }

    /// Everything that was to be staged is.
    package var isSettled: Bool { unsettledCount == 0 }

    private mutating func prepareHash() -> Bool {
        // More than this behind the cut blocks, and the writer was not sequential.
        let restMax = layout.base * 4
        let rest = content.size - min(content.size, max(cutEnd, hashing.claimed))
        if !hashing.isVoid, rest <= restMax { return true }
        // At 0.8 GiB/s a block of 8 MiB delays a commit by 10 ms; more is too much for a program that calls fsync often.
        guard content.size <= layout.base else {
            hashing.end()
            return false
        }
        hashing.restart()
        return true
    }

    mutating func reopenShortBlocks() {
        let short = blocks.reversed()
            .prefix { $0.range.upperBound - $0.range.lowerBound < layout.base && content.isLocal($0.range) }
            .count
        // An uncut rest makes one more.
        if short >= Self.shortBlockCountMax { blocks.removeLast(short) }
    }

    private mutating func mergeBlocks() {
        guard blocks.count > BlockLayout.blockCountMax else { return }
        var old = blocks[...]
        blocks = layout.merged(blocks.map(\.range)).map { range in
            let first = old.first
            old = old.drop { $0.range.lowerBound < range.upperBound }
            return if let first, first.range == range { first } else { Block(range: range, state: .held, crc: nil) }
        }
    }
}

extension UploadPlan.Block {
    /// The store has these bytes, or is about to.
    var isInStore: Bool {
        switch state {
        case .inFlight, .staged, .committed, .kept: true
        case .held, .ready, .zeros: false
        }
    }
}
