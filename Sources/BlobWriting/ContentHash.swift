internal import Checksums
internal import LocalStore
internal import Synchronization

/// The MD5 of a whole file, drawn from the spool's page cache behind the writer, so that the writer's thread only
/// copies: MD5 makes 0.8 GiB/s on one core, and cannot be split. A writer of 1 GiB was busy for 0.3 s so, and for 1.7 s
/// with MD5 on his own thread; the commit waits for the rest of the hash, 1.4 s after the start in all.
///
/// What may be hashed is the plan's to say (`claim`); claims and hashing happen under one lock, so that bytes are taken
/// in order whichever thread is at it. Runs on the hashing threads only.
final class ContentHash: Sendable {
    /// One step: long enough to be cheap, short enough that a thousand files get their turn.
    static let stepSize: UInt64 = 4 << 20

    private struct State: ~Copyable {
        var hasher = MD5Hasher()
        var hasFailed = false
    }

    private let spool: SpoolFile
    private let state = Mutex(State())

    init(spool: SpoolFile) { self.spool = spool }

    /// Hashes the next bytes that `claim` gives, if any. A claim that begins at 0 begins anew.
    func step(_ claim: () -> Range<UInt64>?) {
        state.withLock { state in
            guard let range = claim() else { return }
            if range.lowerBound == 0 { state = State() }
            do throws(LocalStoreError) {
                try spool.forEachPiece(of: range) { state.hasher.update($0) }
            } catch { state.hasFailed = true }
        }
    }

    /// The digest of everything that was hashed so far; `nil` if bytes were unreadable.
    func digest() -> [UInt8]? {
        state.withLock { $0.hasFailed ? nil : $0.hasher.digest() }
    }
}

extension SpoolFile {
    /// Reads the range piece by piece: 256 KiB stay in the second-level cache until they are used.
    func forEachPiece(
        of range: Range<UInt64>,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(LocalStoreError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(256 << 10, range.count), alignment: 4096)
        defer { buffer.deallocate() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(UInt64(buffer.count), range.upperBound - offset))]
            )
            try read(into: piece, at: offset)
            body(UnsafeRawBufferPointer(piece))
            offset += UInt64(piece.count)
        }
    }
}
