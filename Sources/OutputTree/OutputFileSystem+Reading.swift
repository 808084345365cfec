import BlobReading
import BlobStorage
import BlobWriting
package import FileSystemModel
import Glibc
import LocalStore
import Logging

extension OutputFileSystem {
    package func read(
        _ request: consuming ReadRequest,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64,
        size: Int
    ) {
        let file: FileHandle
        do throws(FileSystemError) { file = try fileHandle(handle) } catch {
            request.fail(error)
            return
        }
        let (local, reader, end) = file.node.withState { state in
            (state.local, state.reader, state.facts?.type == .append ? state.size : nil)
        }
        if let end, offset + UInt64(size) > end, !isFresh(file.node) {
            lookForMore(request.pending(), file, offset, size)
        } else if let local {
            readLocal(request, file, local, offset, size)
        } else if let reader {
            if !file.flags.isDirect { file.node.pagesRead.note(size) }
            readStored(request, file, reader, offset, size)
        } else {
            readUnpinned(request.pending(), file, offset, size)
        }
    }

    /// The end of a log, as far as it is known: others may have appended. Who never asks for the size sees that, too.
    private func lookForMore(_ pending: PendingRead, _ handle: FileHandle, _ offset: UInt64, _ size: Int) {
        let task = Task { [self] in
            let node = handle.node
            // A log that cannot be looked at is read as far as it is known.
            do throws(FileSystemError) { try await refresh(node) } catch {
                logger.debug("read \(node.address): \(error)")
            }
            let (local, reader) = node.withState { ($0.local, $0.reader) }
            if let local {
                let range = offset..<max(offset, min(offset + UInt64(size), local.size))
                readMixed(pending, handle, local, local.segments(of: range), range)
            } else if let reader {
                readMissing(pending, handle, reader, offset, size, retriesLeft: 1)
            } else {
                readUnpinned(pending, handle, offset, size)
            }
        }
        pending.onInterrupt {
            pending.fail(FileSystemError(errno: EINTR, "interrupted"))
            task.cancel()
        }
    }

    // MARK: What is in the store

    /// Answers from memory on the spot, else when the store has sent it.
    private func readStored(
        _ request: consuming ReadRequest,
        _ handle: FileHandle,
        _ reader: BlobReader,
        _ offset: UInt64,
        _ size: Int,
        retriesLeft: Int = 1
    ) {
        // Consumed inside the closure exactly when the cache has the bytes; the compiler cannot know that.
        var request: ReadRequest? = request
        let isPresent = reader.readPresent(at: offset, count: size, stream: handle.stream) { buffers in
            request.take()?.succeed(buffers)
        }
        guard !isPresent, let missing = request.take() else { return }
        readMissing(missing.pending(), handle, reader, offset, size, retriesLeft: retriesLeft)
    }

    private func readMissing(
        _ pending: PendingRead,
        _ handle: FileHandle,
        _ reader: BlobReader,
        _ offset: UInt64,
        _ size: Int,
        retriesLeft: Int
    ) {
        let ticket = reader.read(at: offset, count: size, stream: handle.stream) { [self] result in
            switch result {
            case .success(let buffers): pending.succeed(buffers)
            case .failure(let error):
                // A file that was renamed meanwhile is another reader's: each name has its own tries.
                let hasNewReader = handle.node.withState { $0.reader !== reader }
                if error.kind == .conditionFailed, hasNewReader || retriesLeft > 0 {
                    let retriesLeft = hasNewReader ? 1 : retriesLeft - 1
                    repin(pending, handle, reader, offset, size, retriesLeft: retriesLeft)
                } else {
                    let address = handle.node.address
                    pending.fail(failure(error, "read", address.description, pinned: true))
                }
            }
        }
        pending.onInterrupt {
            pending.fail(FileSystemError(errno: EINTR, "interrupted"))
            ticket.cancel()
        }
    }

    /// The store has another version than the one that the handle reads. If only metadata changed, the bytes are the
    /// same and reading goes on; else the handle's version is gone.
    ///
    /// - Parameter failed: the reader that the store refused. A rename here may put another one in its place at any moment.
    private func repin(
        _ pending: PendingRead,
        _ handle: FileHandle,
        _ failed: BlobReader,
        _ offset: UInt64,
        _ size: Int,
        retriesLeft: Int
    ) {
        Task { [self] in
            let node = handle.node
            if node.withState({ $0.local != nil }) {
                // What the store has in its place may be what this mount commits at this moment, and has no answer to yet.
                do throws(FileSystemError) { try await node.changes.withLock {} } catch {
                    pending.fail(error)
                    return
                }
                guard node.withState({ $0.reader === failed }) else {
                    await readAfterCommit(pending, handle, offset..<offset &+ UInt64(size), retriesLeft: 1)
                    return
                }
            }
            let address = node.address
            let startedAt = clock.monotonic()
            do throws(StorageError) {
                let properties = try await store.properties(of: address)
                let relation = adopt(properties, by: node, startedAt: startedAt)
                guard relation != .replaced, let reader = node.withState({ $0.reader }) else {
                    let gone = FileSystemError(errno: ESTALE, "\(address) was replaced while it was open")
                    unsettle(address)
                    report(gone, "read", address.description)
                    pending.fail(gone)
                    return
                }
                readMissing(pending, handle, reader, offset, size, retriesLeft: reader === failed ? retriesLeft : 1)
            } catch {
                if error.kind == .notFound, await hasMoved(node, from: address) {
                    repin(pending, handle, failed, offset, size, retriesLeft: 1)
                } else {
                    unsettle(address)
                    pending.fail(failure(error, "read", address.description, pinned: true))
                }
            }
        }
    }

    /// A handle whose file lost its reader: its last writer was committed and its local bytes let go.
    private func readUnpinned(_ pending: PendingRead, _ handle: FileHandle, _ offset: UInt64, _ size: Int) {
        let task = Task { [self] in
            let node = handle.node
            let address = node.address
            let startedAt = clock.monotonic()
            do throws(StorageError) {
                let properties = try await store.properties(of: address)
                adopt(properties, by: node, startedAt: startedAt)
            } catch {
                pending.fail(failure(error, "read", address.description, pinned: true))
                return
            }
            guard let reader = node.withState({ $0.reader }) else {
                pending.fail(FileSystemError(errno: ESTALE, "\(address) was replaced while it was open"))
                return
            }
            readMissing(pending, handle, reader, offset, size, retriesLeft: 1)
        }
        pending.onInterrupt {
            pending.fail(FileSystemError(errno: EINTR, "interrupted"))
            task.cancel()
        }
    }

    // MARK: What is here

    /// Bytes that were changed here come from the local file; the others from the version that was edited.
    private func readLocal(
        _ request: consuming ReadRequest,
        _ handle: FileHandle,
        _ local: DirtyFile,
        _ offset: UInt64,
        _ size: Int
    ) {
        let end = min(offset &+ UInt64(size), local.size)
        guard offset < end else {
            request.succeed(UnsafeRawBufferPointer(start: nil, count: 0))
            return
        }
        let range = offset..<end
        let segments = local.segments(of: range)
        let needsBase = segments.contains { if case .base = $0 { true } else { false } }
        guard needsBase else {
            // On the heap: a thread of libfuse's size has no room for 1 MiB on its stack.
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
            defer { buffer.deallocate() }
            do throws(FileSystemError) { try gatherLocal(segments, of: local, from: offset, into: buffer) } catch {
                request.fail(error)
                return
            }
            request.succeed(UnsafeRawBufferPointer(buffer))
            return
        }
        readMixed(request.pending(), handle, local, segments, range)
    }

    private func gatherLocal(
        _ segments: [Segment],
        of local: DirtyFile,
        from offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileSystemError) {
        for segment in segments {
            switch segment {
            case .local(let range):
                let target = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[Int(range.lowerBound - offset)..<Int(range.upperBound - offset)]
                )
                do throws(LocalStoreError) { try local.readLocal(range, into: target) } catch {
                    throw FileSystemError(error)
                }
            case .hole(let range):
                UnsafeMutableRawBufferPointer(
                    rebasing: buffer[Int(range.lowerBound - offset)..<Int(range.upperBound - offset)]
                ).initializeMemory(as: UInt8.self, repeating: 0)
            case .base: break
            }
        }
    }

    private func readMixed(
        _ pending: PendingRead,
        _ handle: FileHandle,
        _ local: DirtyFile,
        _ segments: [Segment],
        _ range: Range<UInt64>,
        retriesLeft: Int = 1
    ) {
        let task = Task { [self] in
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
            defer { buffer.deallocate() }
            do throws(BaseFailure) {
                try await gather(handle, local, segments, range, into: buffer)
                withUnsafePointer(to: UnsafeRawBufferPointer(buffer)) {
                    _ = pending.succeed(UnsafeBufferPointer(start: $0, count: 1))
                }
            } catch {
                if error.isOvertaken, retriesLeft > 0 {
                    await readAfterCommit(pending, handle, range, retriesLeft: retriesLeft - 1)
                } else {
                    pending.fail(error.answer)
                }
            }
        }
        pending.onInterrupt {
            pending.fail(FileSystemError(errno: EINTR, "interrupted"))
            task.cancel()
        }
    }

    /// The version that was edited is no longer in the store: a commit of this mount may have landed while its bytes were
    /// on their way. What it took over has its old place in the new version, and the file knows that when the commit ends.
    private func readAfterCommit(
        _ pending: PendingRead,
        _ handle: FileHandle,
        _ range: Range<UInt64>,
        retriesLeft: Int
    ) async {
        do throws(FileSystemError) { try await handle.node.changes.withLock {} } catch {
            pending.fail(error)
            return
        }
        guard let local = handle.node.withState({ $0.local }) else {
            readUnpinned(pending, handle, range.lowerBound, range.count)
            return
        }
        let rest = range.clamped(to: 0..<max(range.lowerBound, local.size))
        readMixed(pending, handle, local, local.segments(of: rest), rest, retriesLeft: retriesLeft)
    }

    private func gather(
        _ handle: FileHandle,
        _ local: DirtyFile,
        _ segments: [Segment],
        _ range: Range<UInt64>,
        into buffer: UnsafeMutableRawBufferPointer
    ) async throws(BaseFailure) {
        do throws(FileSystemError) {
            try gatherLocal(segments, of: local, from: range.lowerBound, into: buffer)
        } catch { throw BaseFailure(answer: error) }
        for segment in segments {
            guard case .base(let part) = segment else { continue }
            let start = Int(part.lowerBound - range.lowerBound)
            try await readBase(handle, part, into: .init(rebasing: buffer[start..<start + part.count]))
        }
    }

    /// Fills the buffer with bytes of the version that the local changes build on.
    private func readBase(
        _ handle: FileHandle,
        _ range: Range<UInt64>,
        into buffer: UnsafeMutableRawBufferPointer
    ) async throws(BaseFailure) {
        let node = handle.node
        guard let reader = node.withState({ $0.reader }) else {
            let answer = FileSystemError(errno: EIO, "\(node.address): the version that was edited is not open")
            throw BaseFailure(answer: answer)
        }
        var position = range.lowerBound
        while position < range.upperBound {
            let count = Int(min(range.upperBound - position, 1 << 20))
            let target = Destination(
                UnsafeMutableRawBufferPointer(rebasing: buffer[Int(position - range.lowerBound)...])
            )
            let result: Result<Int, StorageError> = await withCheckedContinuation { continuation in
                reader.read(at: position, count: count, stream: handle.stream) { result in
                    continuation.resume(returning: result.map { target.fill(from: $0) })
                }
            }
            switch result {
            case .failure(let error):
                throw BaseFailure(
                    answer: failure(error, "read", node.address.description, pinned: true),
                    isOvertaken: error.kind == .conditionFailed
                )
            case .success(0):
                let answer = FileSystemError(errno: EIO, "\(node.address): the version that was edited is shorter")
                throw BaseFailure(answer: answer)
            case .success(let filled): position += UInt64(filled)
            }
        }
    }
}

/// Why bytes of the version that was edited did not come.
private struct BaseFailure: Error {
    let answer: FileSystemError
    /// The store has another version.
    var isOvertaken = false
}

/// Memory that a read fills from another thread while its owner waits.
private struct Destination: Sendable {
    private nonisolated(unsafe) let buffer: UnsafeMutableRawBufferPointer

    init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    func fill(from parts: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int {
        var position = 0
        for part in parts {
            let count = min(part.count, buffer.count - position)
            guard count > 0, let source = part.baseAddress else { continue }
            buffer.baseAddress?.advanced(by: position).copyMemory(from: source, byteCount: count)
            position += count
        }
        return position
    }
}
