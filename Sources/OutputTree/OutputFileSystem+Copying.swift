import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import LocalStore

extension OutputFileSystem {
    /// A copy within the store, for programs that ask for one (`cp` does): no byte of it comes here. It is made when the
    /// copy is closed or fsynced, of the version that was open.
    ///
    /// EOPNOTSUPP where that cannot be; the kernel then reads and writes by itself.
    package func copyFileRange(
        _ request: consuming Request<ByteCount>,
        from source: (node: NodeID, handle: HandleID, offset: UInt64),
        to destination: (node: NodeID, handle: HandleID, offset: UInt64),
        length: UInt64
    ) {
        do throws(FileSystemError) {
            let (from, to) = (try fileHandle(source.handle).node, try fileHandle(destination.handle).node)
            // With a journal, close answers before the copy is made: the source may be gone by then.
            guard options.durability == .commit, from !== to, source.offset == destination.offset,
                let (blob, properties) = from.withState({ $0.storedVersion }), source.offset < properties.length
            else { throw .notCopied }
            let range = source.offset..<source.offset + min(length, properties.length - source.offset)
            request.later { [self] () async throws(FileSystemError) in
                try await copy(range, of: blob, properties, to: to)
                return ByteCount(range.count)
            }
        } catch { request.fail(error) }
    }

    private func copy(
        _ range: Range<UInt64>,
        of blob: BlobAddress,
        _ properties: BlobProperties,
        to node: FileNode
    ) async throws(FileSystemError) {
        var reader: BlobReader?
        try await whenWritable(node) { (local) throws(FileSystemError) in
            // Who finds the new content finds its bytes: the reader is there first. An empty file has none in use.
            if range.lowerBound == 0, local.size == 0 {
                reader = BlobReader(cache: cache, blob: blob, properties: properties)
                node.withState { $0.reader = reader }
            }
            let outcome: WriteOutcome?
            do throws(LocalStoreError) { outcome = try local.copy(range, of: blob, properties) } catch {
                throw FileSystemError(error)
            }
            guard let outcome else { throw .notCopied }
            return outcome
        }
        node.withState { file in
            if reader == nil || file.reader !== reader {
                file.reader = BlobReader(cache: cache, blob: blob, properties: properties)
            }
        }
        noteWrite(node)
    }
}

extension FileState {
    /// The version in the store that is the file as programs see it: nothing of it was changed here.
    fileprivate var storedVersion: (blob: BlobAddress, properties: BlobProperties)? {
        guard !hasUnsentContent, !isUnlinked, let properties, properties.type == .block, !properties.isArchived,
            properties.encryptionKeySHA256 == nil, facts?.etag == properties.version.etag
        else { return nil }
        return (address, properties)
    }
}

extension FileSystemError {
    fileprivate static var notCopied: FileSystemError {
        FileSystemError(errno: EOPNOTSUPP, "copied through the kernel")
    }
}
