package import BlobStorage
internal import LocalStore
internal import Synchronization

/// What the cache does with the clean files below it. Nothing here waits for the disk, but for the jobs that it leaves to
/// the threads of `DiskCache`.
extension BlockCache {
    /// Reads into the fetch's cells; what turns out to be missing or damaged is asked of the store.
    func read(_ start: CacheEffects.Start, from file: CleanFile) {
        disk?.read(isForeground: start.isForeground) { [self] in
            let target = bytes(at: start.memoryOffset, count: start.range.count)
            guard file.read(into: target, at: start.range.lowerBound) else { return launch(start) }
            change { state, effects in state.filledFromDisk(start.fetch, &effects) }
        }
    }

    /// Brings cells, which are pinned until then, to the disk.
    func save(_ save: Save, _ id: SlotID) {
        save.file.whenKnown { [self] _ in
            disk?.runSave { [self] in
                let source = bytes(at: Int(save.firstCell) * geometry.pieceSize, count: save.range.count)
                let isLate = state.withLock { $0.versions[save.version]?.isLate == true }
                let isOnDisk = disk?.save(save, UnsafeRawBufferPointer(source), isLate: isLate) == true
                change { state, effects in state.saved(id, isOnDisk: isOnDisk, &effects) }
            }
        }
    }

    func attachedFile(of version: SlotID) -> AttachedFile? {
        disk == nil ? nil : state.withLock { $0.versions.file(of: version) }
    }

    // MARK: Passthrough

    /// The version's file, if it is all there and every cell was verified by this process. If only the latter is missing,
    /// that is made up for when the last reader has closed: what he reads is verified by that, and as long as this process
    /// serves one open, the kernel lets it serve all.
    func lease(_ version: SlotID) async -> CleanFileLease? {
        guard let disk, let attached = attachedFile(of: version) else { return nil }
        return await withCheckedContinuation { continuation in
            attached.whenKnown { file in
                guard let file, file.isComplete else { return continuation.resume(returning: nil) }
                disk.read(isForeground: true) {
                    let lease = file.lease()
                    if lease == nil { attached.wantsVerification.store(true, ordering: .relaxed) }
                    continuation.resume(returning: lease)
                }
            }
        }
    }

    /// A version of a blob that does not grow: its name and its ETag.
    package struct Renamed: Sendable {
        let old: VersionKey
        let new: VersionKey

        package init(_ blob: BlobAddress, _ etag: ETag, to newBlob: BlobAddress, _ newETag: ETag) {
            (old, new) = (VersionKey(blob, etag), VersionKey(newBlob, newETag))
        }
    }

    /// These versions have other names, or other ETags, and the same bytes: on the disk, too.
    package func rename(_ versions: [Renamed]) { disk?.rename(versions) }

    // MARK: What was made here

    /// Whether there are clean files.
    package var isOnDisk: Bool { disk != nil }

    /// Saves a version whose bytes are here already, in the background. Best effort: when too many wait, none is taken.
    ///
    /// `source` fills the buffer with the range's bytes, or says no, which ends it; it may block. `completion` is called
    /// once, when `source` will not be called any more.
    package func save(
        _ blob: BlobAddress,
        _ properties: BlobProperties,
        from source: @escaping @Sendable (Range<UInt64>, UnsafeMutableRawBufferPointer) -> Bool,
        completion: @escaping @Sendable () -> Void
    ) {
        guard let disk, disk.copies.wrappingAdd(1, ordering: .relaxed).newValue <= Self.copiesMax else {
            disk?.copies.wrappingSubtract(1, ordering: .relaxed)
            completion()
            return
        }
        let (key, length) = (VersionKey(blob, properties), properties.length)
        disk.runSave {
            guard let file = disk.make(key, length: length) else {
                disk.copies.wrappingSubtract(1, ordering: .relaxed)
                completion()
                return
            }
            Self.copy(file, from: 0, to: length, on: disk, source) {
                disk.copies.wrappingSubtract(1, ordering: .relaxed)
                completion()
            }
        }
    }

    /// Each holds a file's local bytes on the disk a while longer.
    private static let copiesMax = 64
    /// What other saves wait for at most.
    private static let copyStep = 1 << 20

    /// One step, and then the next behind what else waits for the thread.
    private static func copy(
        _ file: CleanFile,
        from offset: UInt64,
        to length: UInt64,
        on disk: DiskCache,
        _ source: @escaping @Sendable (Range<UInt64>, UnsafeMutableRawBufferPointer) -> Bool,
        completion: @escaping @Sendable () -> Void
    ) {
        guard offset < length, !disk.isShutDown.load(ordering: .relaxed) else { return completion() }
        let range = offset..<min(offset + UInt64(copyStep), length)
        if !file.holds(range) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
            defer { buffer.deallocate() }
            guard source(range, buffer) else { return completion() }
            guard file.save(UnsafeRawBufferPointer(buffer), at: offset) else { return completion() }
        }
        disk.runSave { copy(file, from: range.upperBound, to: length, on: disk, source, completion: completion) }
    }
}
