package import BlobStorage
package import LocalStore
package import Logging
internal import Synchronization

/// The blocks that reading holds in memory: fetched once however many ask, within one hard budget; and, below them, the
/// clean files that hold them beyond this process's life.
///
/// Hits are answered on the caller's thread, without an allocation or a task. Misses leave a waiter that the
/// transport's thread completes. One lock guards all bookkeeping (`CacheState`); it is never held over a call of the
/// store, of a completion, or over a copy of bytes.
package final class BlockCache: Sendable {
    let limits: ReadAhead.Limits
    let geometry: CacheGeometry
    let verification: RangeVerification
    let store: any BlobStore
    private let logger: Logger
    let memory: SlabMemory
    let state: Mutex<CacheState>
    let disk: DiskCache?
    /// `CacheState.blocksPerStream`, to be had without the lock.
    private let blocksPerStream: Atomic<Int>

    package convenience init(store: any BlobStore, configuration: BlockCacheConfiguration, logger: Logger) {
        self.init(store: store, configuration: configuration, cleanFiles: nil, account: "", logger: logger)
    }

    /// `cleanFiles`: where bytes are kept on disk, if they are; as those of `account`, the endpoint with the account, so
    /// that mounts of other accounts may share the directory. Their cells must not be larger than a piece.
    package init(
        store: any BlobStore,
        configuration: BlockCacheConfiguration,
        cleanFiles: CleanFiles?,
        account: String,
        logger: Logger
    ) {
        self.store = store
        if let cleanFiles { precondition(configuration.pieceSize % cleanFiles.configuration.cellSize == 0) }
        disk = cleanFiles.map { DiskCache($0, account: account) }
        self.logger = logger
        verification = configuration.verification
        geometry = configuration.geometry
        limits = ReadAhead.Limits(
            blockSize: UInt64(configuration.blockSize),
            pieceSize: UInt64(configuration.pieceSize)
        )
        memory = SlabMemory(
            count: configuration.memoryBudget,
            unit: configuration.blockSize * BlockCacheConfiguration.slabCountMin
        )
        let state = CacheState(configuration, slabCount: memory.count / configuration.blockSize)
        blocksPerStream = Atomic(state.blocksPerStream)
        self.state = Mutex(state)
        if memory.count < configuration.memoryBudget {
            logger.warning("reading gets \(memory.count) bytes of memory instead of \(configuration.memoryBudget)")
        }
    }

    package var statistics: ReadStatistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.residentBytes = UInt64(state.slabs.usedCount * geometry.pieceSize)
            statistics.memoryBudget = UInt64(memory.count)
            statistics.queuedReads = UInt64(state.line.count)
            statistics.bytesToSave = UInt64((state.slabs.backlog.cellCount + state.savingCount) * geometry.pieceSize)
            return statistics
        }
    }

    /// Cancels what is under way: whoever waits, and whoever asks later, gets `.cancelled`.
    package func shutDown() {
        disk?.isShutDown.store(true, ordering: .relaxed)
        change { state, effects in state.shutDown(&effects) }
    }

    /// See `CacheState.violations`.
    func violations() -> [String] { state.withLock { $0.violations() } }

    // MARK: For readers

    var blocksMax: Int { blocksPerStream.load(ordering: .relaxed) }

    func open(_ key: VersionKey, length: UInt64) -> SlotID {
        guard let disk else { return state.withLock { $0.versions.open(key, length: length) } }
        let attached = AttachedFile(key)
        let (version, isNew) = state.withLock { state in
            let version = state.versions.open(key, length: length)
            return (version, state.versions.attach(attached, to: version))
        }
        if isNew { disk.find(attached, length: length) }
        return version
    }

    func extend(_ version: SlotID, to length: UInt64) {
        state.withLock { $0.versions.extend(version, to: length) }
    }

    func adopt(_ version: SlotID, _ etag: ETag) {
        state.withLock { $0.versions.adopt(version, etag) }
    }

    func close(_ version: SlotID) {
        change { state, effects in state.close(version, &effects) }
    }

    func end(stream: UInt64) {
        change { state, effects in state.end(stream: stream, &effects) }
    }

    /// Calls `body` with the range's bytes if all of them are there.
    func lend(
        _ version: SlotID,
        _ range: Range<UInt64>,
        _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void
    ) -> Bool {
        let count = geometry.pieces(of: range).count
        guard count <= 2 * geometry.piecesPerBlock + 1 else { return false }
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { cells in
            guard state.withLock({ $0.pinPresent(version, range, into: cells) }) else { return false }
            withBuffers(UnsafeBufferPointer(cells), range, body)
            change { state, effects in state.unpin(cells, &effects) }
            return true
        }
    }

    /// Starts or joins what the read is missing; what it brings ahead comes after it.
    func read(
        _ version: SlotID,
        _ range: Range<UInt64>,
        length: UInt64,
        stream: ReadStream,
        completion: @escaping ReadCompletion
    ) -> SlotID? {
        // What is refused for its size leads nowhere: nothing is fetched ahead of it.
        let plan =
            range.count <= memory.count / 2
            ? stream.observe(range, length: length, blocksMax: blocksMax, limits: limits) : ReadAhead.Plan()
        var id: SlotID?
        var lostAt: UInt64?
        change { state, effects in
            if plan.wasExpected, state.hasLost(version, range) { lostAt = range.upperBound }
            let hotBlock = plan.isStreaming ? nil : state.hotBlock(version, range, length: length)
            id = state.read(version, range, completion, &effects)
            if let hotBlock { state.promote(version, hotBlock, &effects) }
            if lostAt == nil { lostAt = state.follow(version, plan, stream.id, &effects) }
            blocksPerStream.store(state.blocksPerStream, ordering: .relaxed)
        }
        if let lostAt { stream.shrink(run: plan.run, to: lostAt) }
        return id
    }

    /// Notes a read that was answered from memory: its stream may want more by now.
    func follow(_ version: SlotID, _ range: Range<UInt64>, length: UInt64, stream: ReadStream) {
        let plan = stream.observe(range, length: length, blocksMax: blocksMax, limits: limits)
        guard !plan.ranges.isEmpty || !plan.abandoned.isEmpty else { return }
        var deniedAt: UInt64?
        change { state, effects in
            deniedAt = state.follow(version, plan, stream.id, &effects)
            blocksPerStream.store(state.blocksPerStream, ordering: .relaxed)
        }
        if let deniedAt { stream.shrink(run: plan.run, to: deniedAt) }
    }

    func cancel(_ read: SlotID) {
        change { state, effects in state.cancelRead(read, &effects) }
    }

    // MARK: Effects

    /// Changes the state, and does what follows from it when the lock is free.
    func change(_ body: (inout CacheState, inout CacheEffects) -> Void) {
        let effects = state.withLock { state in
            var effects = CacheEffects()
            body(&state, &effects)
            swap(&effects.released, &state.released)
            return effects
        }
        perform(effects)
    }

    private func perform(_ effects: CacheEffects) {
        for start in effects.starts { bring(start) }
        for operation in effects.raises { operation.raisePriority() }
        for operation in effects.cancels { operation.cancel() }
        for failed in effects.failed { failed.completion(.failure(failed.error)) }
        for ready in effects.ready {
            ready.cells.withUnsafeBufferPointer { cells in
                withBuffers(cells, ready.range) { ready.completion(.success($0)) }
            }
            change { state, effects in state.unpin(ready.cells, &effects) }
        }
        for (id, save) in effects.saves { self.save(save, id) }
        for file in effects.released { disk?.letGo(file) }
    }

    /// From the disk what lies there, the rest from the store.
    private func bring(_ start: CacheEffects.Start) {
        guard let file = start.file, disk != nil else { return launch(start) }
        file.whenKnown { [self] file in
            guard let file, file.holds(start.range) else { return launch(start) }
            read(start, from: file)
        }
    }

    /// The closures keep the cache, and so the memory that the transport writes to.
    func launch(_ start: CacheEffects.Start) {
        let id = start.fetch
        var read = BlobRead(
            blob: start.blob,
            range: start.range,
            condition: start.condition,
            verification: verification,
            destination: memory.pointer(at: start.memoryOffset),
            isForeground: start.isForeground
        )
        if verification == .none {
            // Bytes may be handed on before the range is complete only where nothing is to be verified.
            read.onProgress = { count in self.change { state, effects in state.progress(id, count, &effects) } }
        }
        let operation = store.read(read) { result in
            if case .failure(let error) = result, error.kind != .cancelled {
                self.logger.debug("\(error)", metadata: ["range": "\(start.range)"])
            }
            self.change { state, effects in state.complete(id, result, &effects) }
        }
        let meanwhile = state.withLock { $0.attach(operation, to: id, isForeground: start.isForeground) }
        if meanwhile.isRaised { operation.raisePriority() }
        if meanwhile.isCancelled { operation.cancel() }
    }

    /// The memory of some cells.
    func bytes(at memoryOffset: Int, count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: memory.pointer(at: memoryOffset), count: count)
    }

    /// The memory of these cells, which hold the range's pieces in order; neighbours in one buffer.
    private func withBuffers(
        _ cells: UnsafeBufferPointer<Int32>,
        _ range: Range<UInt64>,
        _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: cells.count) { buffers in
            var bufferCount = 0
            var offset = Int(range.lowerBound % UInt64(geometry.pieceSize))
            var remaining = range.count
            var index = 0
            while index < cells.count {
                let first = index
                while index + 1 < cells.count, cells[index + 1] == cells[index] + 1 { index += 1 }
                index += 1
                let count = min((index - first) * geometry.pieceSize - offset, remaining)
                let start = memory.pointer(at: Int(cells[first]) * geometry.pieceSize + offset)
                buffers.initializeElement(at: bufferCount, to: UnsafeRawBufferPointer(start: start, count: count))
                bufferCount += 1
                remaining -= count
                offset = 0
            }
            body(UnsafeBufferPointer(rebasing: buffers[..<bufferCount]))
        }
    }
}
