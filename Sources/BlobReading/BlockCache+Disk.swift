internal import BlobStorage
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
        save.file.whenKnown { [self] file in
            guard let file, let disk else {
                change { state, effects in state.saved(id, isOnDisk: false, &effects) }
                return
            }
            disk.save { [self] in
                let source = bytes(at: Int(save.firstCell) * geometry.pieceSize, count: save.range.count)
                let isOnDisk = file.save(UnsafeRawBufferPointer(source), at: save.range.lowerBound)
                change { state, effects in state.saved(id, isOnDisk: isOnDisk, &effects) }
            }
        }
    }

    func extendFile(of version: SlotID, to length: UInt64) {
        guard let disk, let attached = attachedFile(of: version) else { return }
        attached.whenKnown { file in
            guard let file, file.length < length else { return }
            disk.read(isForeground: true) { file.extend(to: length) }
        }
    }

    // MARK: Passthrough

    /// The version's file, if it is all there and was verified. Memory only.
    func lease(_ version: SlotID) -> CleanFileLease? { attachedFile(of: version)?.file?.lease() }

    /// Has a complete file that this process did not write verified, once.
    func prepareLease(_ version: SlotID) {
        guard let disk, let attached = attachedFile(of: version) else { return }
        attached.whenKnown { file in
            guard let file, file.isComplete, attached.claimVerification() else { return }
            disk.verify { _ = file.verify() }
        }
    }

    private func attachedFile(of version: SlotID) -> AttachedFile? {
        disk == nil ? nil : state.withLock { $0.versions.file(of: version) }
    }
}
