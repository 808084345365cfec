import BlobStorage
import FileSystemModel
import Logging
import OutputConventions
import OutputViews

/// Asking the store what is in a directory.
extension OutputFileSystem {
    /// The metadata key of a container under which outputfs keeps the true id of the job that it made it for.
    package static let jobIDKey = "outputfs_jobid"

    /// The listing to read the directory by: the one that others began within the validity, or a new one.
    func listing(of directory: DirectoryNode) -> DirectoryListing {
        let now = clock.monotonic()
        let (listing, isNew) = directory.withState { state in
            if let listing = state.listing, listing.place == state.place,
                listing.createdAt >= now - options.attributeValidity
            {
                return (listing, false)
            }
            let listing = DirectoryListing(of: state.place, at: now)
            state.listing = listing
            return (listing, true)
        }
        if isNew { listings.add(listing, of: directory, at: now) }
        return listing
    }

    /// What is known of a directory from elsewhere.
    func remember(_ listing: DirectoryListing, of directory: DirectoryNode) {
        directory.withState { $0.listing = listing }
        listings.add(listing, of: directory, at: clock.monotonic())
    }

    /// A page, from memory or from the store; one request at a time for each. `since`: see `DirectoryListing.work`.
    func content(
        of number: Int,
        in listing: DirectoryListing,
        since: Duration?
    ) async throws(FileSystemError) -> DirectoryListing.Content {
        while true {
            let work = listing.work(for: number, since: since) { [self] plan async throws(FileSystemError) in
                try await load(plan, of: listing)
            }
            switch work {
            case .ready(let content): return content
            case .wait(let work): return try await work.value()
            }
        }
    }

    /// Starts listing a page before anybody waits for it; `nil` if there is nothing to list.
    @discardableResult
    func askAhead(
        for number: Int,
        of listing: DirectoryListing,
        since: Duration? = nil
    ) -> SharedWork<DirectoryListing.Content>? {
        guard listing.range(of: number) != nil else { return nil }
        let work = listing.work(for: number, since: since, isAhead: true) { [self] plan async throws(FileSystemError) in
            try await load(plan, of: listing)
        }
        guard case .wait(let work) = work else { return nil }
        return work
    }

    private func load(
        _ plan: DirectoryListing.Plan,
        of listing: DirectoryListing
    ) async throws(FileSystemError) -> DirectoryListing.Loaded {
        let place = listing.place
        let planned = place.planned(views: options.views)
        var loaded: DirectoryListing.Loaded
        do throws(StorageError) {
            if case .blobs(let container, let prefix) = planned.source, planned.fixed.isEmpty,
                plan.number > 0 || !disorder.contains(container)
            {
                let source = BlobAddress(container: container, name: prefix)
                loaded = try await list(plan, source, of: listing)
            } else {
                loaded = try await collect(planned, in: place)
            }
        } catch {
            // Without permission to list, a directory shows what this mount wrote, and every name can be opened.
            guard error.kind == .denied, plan.number == 0 else { throw failure(error, "readdir", error.resource) }
            var builder = SnapshotBuilder(of: place)
            for (name, fixed) in planned.fixed { builder.addDirectory(name, fixed) }
            let own = builder.finish(startedAt: clock.monotonic(), isComplete: false)
            loaded = DirectoryListing.Loaded(content: .collected(own), next: nil)
        }
        let now = clock.monotonic()
        loaded.isLate = now - loaded.content.startedAt >= options.attributeValidity
        listings.add(plan.number, of: listing, loaded.content, at: now)
        return loaded
    }

    // MARK: A page

    /// Lists one page, or, where it is known at which name it ends, everything up to there: others may have put more
    /// names between than one answer holds.
    private func list(
        _ plan: DirectoryListing.Plan,
        _ source: BlobAddress,
        of listing: DirectoryListing
    ) async throws(StorageError) -> DirectoryListing.Loaded {
        let query = BlobQuery(
            container: source.container,
            prefix: source.name,
            delimiter: "/",
            includesMetadata: true
        )
        var (held, marker) = (plan.start.held, plan.start.marker)
        var answer = plan.start.answer
        let now = clock.monotonic()
        if let asked = answer, asked.startedAt < now - options.attributeValidity / 2 {
            // The reading paused: what has grown old on the way would be too old when it is shown.
            answer = nil
        }
        let startedAt = answer?.startedAt ?? now
        // Whoever comes behind the first page reads on, as a rule; where the page ends is known, nobody asks for more.
        let goesOn = plan.number > 0 && plan.end == nil
        var builder = ListingPage.Builder(
            of: listing.place,
            source: source,
            startedAt: startedAt,
            lastContinued: plan.start.lastContinued
        )
        repeat {
            let current = answer ?? ListingAnswer(query, after: marker, from: store, clock: clock)
            if goesOn { current.goOn() }
            let page = try await current.page()
            marker = page.next
            answer = marker.flatMap { current.next(after: $0) }
            let lines = ListedLine.ordered(page.items, behind: source.name)
            for (index, line) in lines.enumerated() {
                if let end = plan.end, NameOrder.precedes(end, line.name) {
                    return DirectoryListing.Loaded(finishing: &builder, &held, at: end)
                }
                guard !line.pass(&held, learnedAt: startedAt, { builder.add($0) }) else { continue }
                // What belongs to this page is known; that it is not in its place is found out by the next reading.
                noteDisorder(in: source)
                if plan.end != nil { continue }
                let rest = DisorderedRest(shown: builder.finish(), held: held, lines: lines[index...], marker: marker)
                return try await collect(rest, query, plan.number, of: listing)
            }
            if plan.end == nil, let marker, !lines.isEmpty {
                let next = DirectoryListing.Start(
                    marker: marker,
                    held: held,
                    lastContinued: builder.lastContinued,
                    answer: answer
                )
                return DirectoryListing.Loaded(content: .page(builder.finish()), next: next)
            }
        } while marker != nil && (plan.end == nil || plan.end != held.position)
        if let end = plan.end { return DirectoryListing.Loaded(finishing: &builder, &held, at: end) }
        held.finish { builder.add($0) }
        return DirectoryListing.Loaded(content: .page(builder.finish()), next: nil)
    }

    private func noteDisorder(in source: BlobAddress) {
        guard disorder.insert(source.container) else { return }
        logger.notice(
            "\(source) is listed in another order than that of its names' bytes: directories are listed whole"
        )
    }

    // MARK: All at once

    /// The rest of a listing that turned out to be in no order, without the names that earlier pages have shown.
    private func collect(
        _ rest: DisorderedRest,
        _ query: BlobQuery,
        _ number: Int,
        of listing: DirectoryListing
    ) async throws(StorageError) -> DirectoryListing.Loaded {
        var builder = SnapshotBuilder(of: listing.place)
        for index in 0..<rest.shown.count { builder.restore(rest.shown[index]) }
        for (name, facts) in rest.held.blobs {
            builder.add(.blob(query.prefix + String(decoding: name, as: UTF8.self), facts))
        }
        for line in rest.lines { builder.add(line.item) }
        try await collect(query, after: rest.marker, &builder)
        let all = builder.finish(startedAt: rest.shown.startedAt, isComplete: number == 0)
        let unseen = number == 0 ? all : all.filtered { !listing.hasShown($0.name, before: number) }
        return DirectoryListing.Loaded(content: .collected(unseen), next: nil)
    }

    private func collect(
        _ query: BlobQuery,
        after marker: ListMarker?,
        _ builder: inout SnapshotBuilder
    ) async throws(StorageError) {
        var marker = marker
        while let after = marker {
            let page = try await store.listBlobs(query, after: after)
            for item in page.items { builder.add(SnapshotBuilder.Item(item)) }
            marker = page.next
        }
    }

    private func collect(
        _ planned: PlannedDirectory,
        in place: TreePlace
    ) async throws(StorageError) -> DirectoryListing.Loaded {
        let startedAt = clock.monotonic()
        var builder = SnapshotBuilder(of: place)
        for (name, fixed) in planned.fixed { builder.addDirectory(name, fixed) }
        // Beside the listing, which must not wait for it longer than it takes.
        let record = options.records == nil ? nil : Task { await recordEntry(in: place) }
        switch planned.source {
        case .nothing: break
        case .gathered(let gathered):
            for entry in try await gatherer.entries(of: gathered) { builder.addGathered(entry) }
        case .containers(let prefix): try await collectContainers(prefix, in: place, &builder)
        case .blobs(let container, let prefix):
            let query = BlobQuery(container: container, prefix: prefix, delimiter: "/", includesMetadata: true)
            let first = try await store.listBlobs(query, after: nil)
            for item in first.items { builder.add(SnapshotBuilder.Item(item)) }
            try await collect(query, after: first.next, &builder)
        }
        if let record = await record?.value { builder.addRecord(record) }
        let all = builder.finish(startedAt: startedAt, isComplete: true)
        return DirectoryListing.Loaded(content: .collected(all), next: nil)
    }

    private func collectContainers(
        _ prefix: String,
        in place: TreePlace,
        _ builder: inout SnapshotBuilder
    ) async throws(StorageError) {
        if let only = options.onlyContainer {
            let jobID = place == .view(.jobs) ? await options.records?.jobIDs()[only] : nil
            if let (name, target) = place.shown(container: only, jobID: jobID) { builder.addDirectory(name, target) }
            return
        }
        let query = ContainerQuery(prefix: prefix, includesMetadata: true)
        let jobIDs = place == .view(.jobs) ? await options.records?.jobIDs() ?? [:] : [:]
        var marker: ListMarker?
        repeat {
            let page = try await store.listContainers(query, after: marker)
            for container in page.containers {
                let jobID = jobIDs[container.name] ?? container.metadata[Self.jobIDKey]
                guard let (name, target) = place.shown(container: container.name, jobID: jobID) else { continue }
                builder.addDirectory(name, target)
            }
            marker = page.next
        } while marker != nil
    }
}

extension DirectoryListing.Loaded {
    /// A page whose end is known.
    fileprivate init(finishing builder: inout ListingPage.Builder, _ held: inout HeldNames, at end: [UInt8]) {
        held.go(to: end) { builder.add($0) }
        self.init(
            content: .page(builder.finish()),
            next: DirectoryListing.Start(held: held, lastContinued: builder.lastContinued)
        )
    }
}

/// What is there of a page when its listing turns out to be in no order.
private struct DisorderedRest {
    let shown: ListingPage
    let held: HeldNames
    let lines: ArraySlice<ListedLine>
    let marker: ListMarker?
}

/// One item of a page by the bytes of its name behind the listing's prefix.
struct ListedLine {
    let name: [UInt8]
    let item: SnapshotBuilder.Item

    /// In the order of the names' bytes. Within a page some servers send prefixes first; what is not below the prefix
    /// is no answer to what was asked.
    static func ordered(_ items: [ListedItem], behind prefix: String) -> [ListedLine] {
        var lines: [ListedLine] = []
        lines.reserveCapacity(items.count)
        var isOrdered = true
        for item in items where item.name.utf8.starts(with: prefix.utf8) {
            let line = ListedLine(
                name: Array(item.name.utf8.dropFirst(prefix.utf8.count)),
                item: SnapshotBuilder.Item(item)
            )
            if isOrdered, let last = lines.last, NameOrder.precedes(line.name, last.name) { isOrdered = false }
            lines.append(line)
        }
        if !isOrdered { lines.sort { NameOrder.precedes($0.name, $1.name) } }
        return lines
    }

    /// Tells `held`; false where the listing went back.
    func pass(_ held: inout HeldNames, learnedAt: Duration, _ emit: (HeldNames.Line) -> Void) -> Bool {
        switch item {
        case .prefix(_, let facts): held.pass(prefix: name, facts, learnedAt: learnedAt, emit)
        case .blob(_, let facts): held.pass(blob: name, facts, learnedAt: learnedAt, emit)
        }
    }
}
