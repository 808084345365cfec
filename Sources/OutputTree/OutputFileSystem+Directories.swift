import BlobStorage
package import FileSystemModel
import Glibc
import OutputConventions

extension OutputFileSystem {
    package func opendir(_ request: consuming Request<Opened>, _ node: NodeID) {
        do throws(FileSystemError) {
            let handle = handles.insert(DirectoryHandle(node: try directoryNode(node)))
            request.succeed(Opened(handle: handle))
        } catch { request.fail(error) }
    }

    package func readdir(
        _ request: consuming DirectoryRequest,
        _ node: NodeID,
        handle: HandleID,
        offset: UInt64
    ) {
        guard let handle = handles.directory(handle) else {
            request.fail(FileSystemError(errno: EBADF, "no open directory"))
            return
        }
        // A rewind reads the directory anew, as rewinddir(3) promises.
        if offset == 0 { handle.end() }
        let position = ReadingPosition(offset: offset)
        switch step(handle, to: position ?? .beginning) {
        case .missing:
            request.later { [self] (buffer) async throws(FileSystemError) in
                try await read(handle, from: position ?? .beginning, dots: offset, into: buffer)
            }
        case let known:
            request.now { buffer in
                guard addDots(from: offset, of: handle.node, to: buffer) else { return }
                if case .page(let page, let index) = known { fill(buffer, page, from: index, of: handle.node) }
            }
        }
    }

    package func fsyncdir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        // Names are in the store before mkdir, rename and unlink answer: there is nothing left to do.
        request.succeed(Done())
    }

    package func releasedir(_ request: consuming Request<Done>, _ node: NodeID, handle: HandleID) {
        handles.directory(handle)?.end()
        handles.removeDirectory(handle)
        request.succeed(Done())
    }

    // MARK: Reading

    /// Where the next names of a reading are.
    private enum Step {
        /// In memory, from this index on; there is at least one that was listed.
        case page(PinnedPage, from: Int)
        /// In a page that has to be listed first.
        case missing(DirectoryListing, Int)
        case over
    }

    private func step(_ handle: DirectoryHandle, to position: ReadingPosition) -> Step {
        let reading = handle.reading ?? begin(handle)
        var position = position
        while true {
            let page: PinnedPage
            if let pinned = reading.page, pinned.number == position.page {
                page = pinned
            } else {
                switch pin(position.page, reading, handle) {
                case .page(let pinned, _): page = pinned
                case let other: return other
                }
            }
            let index = position.start(in: page.count) { page.name(at: $0) }
            if index < page.count { return .page(page, from: index) }
            position = ReadingPosition(page: position.page + 1, index: 0)
        }
    }

    private func begin(_ handle: DirectoryHandle) -> DirectoryHandle.Reading {
        let listing = listing(of: handle.node)
        handle.begin(listing)
        return DirectoryHandle.Reading(listing: listing)
    }

    /// The reading comes to a page: what is shown of it is settled now, and the page behind it is asked for.
    private func pin(_ number: Int, _ reading: DirectoryHandle.Reading, _ handle: DirectoryHandle) -> Step {
        switch reading.listing.page(number) {
        case .over:
            handle.finish()
            return .over
        case .missing(let missing):
            guard missing == number, let ahead = reading.ahead, ahead.number == number,
                let content = ahead.work.finished, let range = reading.listing.range(of: number)
            else { return .missing(reading.listing, missing) }
            // Dropped before it was read: whoever asked for it has it still.
            return pinned(number, content, range, reading.listing, handle)
        case .ready(let content, let range):
            return pinned(number, content, range, reading.listing, handle)
        }
    }

    private func pinned(
        _ number: Int,
        _ content: DirectoryListing.Content,
        _ range: DirectoryListing.NameRange,
        _ listing: DirectoryListing,
        _ handle: DirectoryHandle
    ) -> Step {
        let now = clock.monotonic()
        let merged = merged(content, range, of: listing.place)
        let page = PinnedPage(number: number, listed: content, merged: merged, pinnedAt: now)
        handle.pin(page)
        if let work = askAhead(for: number + 1, of: listing) { handle.goAhead(number + 1, work) }
        return .page(page, from: 0)
    }

    /// Answers a readdir that has to wait for pages.
    private func read(
        _ handle: DirectoryHandle,
        from position: ReadingPosition,
        dots offset: UInt64,
        into buffer: any DirectoryBuffer
    ) async throws(FileSystemError) {
        while true {
            switch step(handle, to: position) {
            case .missing(let listing, let number):
                let content = try await content(of: number, in: listing, since: nil)
                // Perhaps it is gone from memory again, for want of room: it goes on with what it got.
                if number == position.page, let range = listing.range(of: number),
                    handle.reading?.listing === listing
                {
                    _ = pinned(number, content, range, listing, handle)
                }
            case .over:
                _ = addDots(from: offset, of: handle.node, to: buffer)
                return
            case .page(let page, let index):
                if addDots(from: offset, of: handle.node, to: buffer) {
                    fill(buffer, page, from: index, of: handle.node)
                }
                return
            }
        }
    }

    // MARK: Filling

    /// Offsets: 0 is ".", 1 is "..", then those of `ReadingPosition`. False when there is no room for more.
    private func addDots(from offset: UInt64, of node: DirectoryNode, to buffer: any DirectoryBuffer) -> Bool {
        var offset = offset
        while offset < 2 {
            let next = offset == 0 ? 1 : ReadingPosition.beginning.offset
            let dot = DirectoryEntry(
                name: offset == 0 ? "." : "..",
                inode: node.inode,
                kind: .directory,
                entry: nil,
                nextOffset: next
            )
            guard buffer.add(dot) else { return false }
            offset = next
        }
        return true
    }

    /// Adds entries until the buffer or the page is at its end: an answer never spans two pages, so that the kernel,
    /// which may not get rid of all entries and then asks again from where it came to, finds the page still pinned.
    private func fill(
        _ buffer: any DirectoryBuffer,
        _ page: PinnedPage,
        from start: Int,
        of directory: DirectoryNode
    ) {
        let plan = directory.place.planned(views: options.views)
        let hasChanges = hasLocalChanges(plan.source)
        var isEmpty = true
        for index in start..<page.count {
            let item = page[index]
            let startedAt = page.startedAt(of: index)
            let isChangeable = hasChanges && !plan.fixed.contains { $0.place == item.place }
            let located =
                isChangeable
                ? current(item, startedAt: startedAt, pinnedAt: page.pinnedAt) : located(item, startedAt: startedAt)
            // Removed here since the page was pinned. No name at all would be the end of the directory: the last one is
            // shown nevertheless, as a name without a file.
            if located == nil, !isEmpty || index < page.count - 1 { continue }
            isEmpty = false
            let position = ReadingPosition(page: page.number, index: index + 1, after: page.name(at: index))
            guard add(item, located ?? .absent, to: buffer, nextOffset: position.offset) else { return }
        }
    }

    private func add(
        _ item: SnapshotEntry,
        _ located: Located,
        to buffer: any DirectoryBuffer,
        nextOffset: UInt64
    ) -> Bool {
        let kind: FileKind =
            item.place == .selfLink ? .symbolicLink : item.place.isDirectory ? .directory : item.facts?.kind ?? .file
        var line = DirectoryEntry(
            name: item.name,
            inode: inode(of: item.place),
            kind: kind,
            entry: nil,
            nextOffset: nextOffset
        )
        if buffer.wantsEntries {
            // Of which attributes are not known, the kernel asks when it wants them.
            line.entry = completed(located).flatMap { handOut($0, as: item.name) }
            if let entry = line.entry { line.inode = entry.attributes.inode }
        }
        guard !buffer.add(line) else { return true }
        // It did not fit, and the kernel does not get to know of it: take the lookup back.
        if let entry = line.entry { nodes.forget(entry.node, count: 1) }
        return false
    }

    /// Whether this mount did anything to names in the directory, of late or unsent.
    private func hasLocalChanges(_ source: ListingSource) -> Bool {
        switch source {
        case .nothing, .containers: false
        case .blobs(let container, let prefix): changes.hasChanges(in: container, prefix: prefix)
        // Its files may be anywhere.
        case .gathered: true
        }
    }

    /// What the entry is now; `nil` if it was removed here since the page was pinned.
    private func current(_ item: SnapshotEntry, startedAt: Duration, pinnedAt: Duration) -> Located? {
        guard let address = item.place.blob else {
            if let marker = item.place.markerBlob, case .absent = changes.folder(marker, since: pinnedAt) { return nil }
            return located(item, startedAt: startedAt)
        }
        // What was written here wins over what the listing says.
        switch changes.file(address, since: startedAt) {
        case .absent, .held: return nil
        case .present(let node): return .node(node)
        case .stored(let facts, let learnedAt): return .file(address, facts, startedAt: learnedAt)
        case nil: return located(item, startedAt: startedAt)
        }
    }
}
