import BlobReading
import BlobStorage
import BlobWriting
import LocalStore

extension OutputFileSystem {
    /// Lets local copies and nodes go that nobody needs any more.
    func settle(_ node: FileNode) {
        let (local, reader, committed) = node.withState {
            file -> (DirtyFile?, BlobReader?, (BlobAddress, BlobProperties)?) in
            guard file.openCount == 0, !file.hasUnsentContent else { return (nil, nil, nil) }
            defer {
                file.local = nil
                file.reader = nil
            }
            return (file.local, file.reader, file.committedVersion)
        }
        if let local { keep(local, as: committed) }
        reader?.close()
        unsent.removeIfSent(node)
        nodes.settle(node)
    }

    /// The file gets another name or version with the same bytes: those on the local disk stay its. Before the change.
    func renameLocalCopy(of node: FileNode, to blob: BlobAddress, _ etag: ETag) {
        guard cache.isOnDisk else { return }
        let (old, facts) = node.withState { ($0.address, $0.facts) }
        guard let facts, facts.type == .block, facts.length > 0 else { return }
        cache.rename([BlockCache.Renamed(old, facts.etag, to: blob, etag)])
    }

    /// What was written here need not be fetched to be read again: with a cache on disk its bytes go there. Nobody
    /// writes to them any more.
    private func keep(_ local: DirtyFile, as committed: (blob: BlobAddress, properties: BlobProperties)?) {
        guard cache.isOnDisk, let committed, !local.isDirty, !local.needsBase,
            local.size == committed.properties.length,
            // A commit that has just ended may not be noted here yet.
            local.lastCommit?.version.etag == committed.properties.version.etag
        else {
            local.discard()
            return
        }
        cache.save(committed.blob, committed.properties) { range, buffer in
            local.copy(range, into: buffer)
        } completion: {
            local.discard()
        }
    }
}

extension FileState {
    /// The version in the store whose bytes `local` has.
    fileprivate var committedVersion: (BlobAddress, BlobProperties)? {
        guard let properties, properties.type == .block, facts?.etag == properties.version.etag, !isUnlinked else {
            return nil
        }
        return (address, properties)
    }
}

extension DirtyFile {
    /// Fills the buffer with the range's bytes; `false` if some of them are not here.
    fileprivate func copy(_ range: Range<UInt64>, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        for segment in segments(of: range) {
            switch segment {
            case .base: return false
            case .local(let part), .hole(let part):
                let start = Int(part.lowerBound - range.lowerBound)
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + part.count])
                do throws(LocalStoreError) { try readLocal(part, into: target) } catch { return false }
            }
        }
        return true
    }
}
