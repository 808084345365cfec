import BlobStorage
package import FileSystemModel
import Glibc
import OutputConventions
import OutputViews

/// What a name turned out to be, before a node is handed out for it.
enum Located: Sendable {
    case directory(TreePlace, FileFacts?)
    case file(BlobAddress, FileFacts, startedAt: Duration)
    /// A file that this mount has in hand.
    case node(FileNode)
    case selfLink
    case absent
}

extension OutputFileSystem {
    package func lookup(_ request: consuming Request<LookupResult>, _ name: FileName, in parent: NodeID) {
        let directory: DirectoryNode
        do throws(FileSystemError) { directory = try directoryNode(parent) } catch {
            request.fail(error)
            return
        }
        if let located = locateInMemory(name, in: directory) {
            request.succeed(lookupResult(located, as: name))
            return
        }
        request.later { [self] () async throws(FileSystemError) in
            lookupResult(try await locate(name, in: directory), as: name)
        }
    }

    package func forget(_ node: NodeID, count: UInt64) { nodes.forget(node, count: count) }

    /// Counts the lookup and makes the answer.
    func lookupResult(_ located: Located, as name: FileName) -> LookupResult {
        switch located {
        case .absent: .absent(validity: options.attributeValidity)
        default:
            handOut(located, as: name).map { entry in
                note(located, as: entry)
                return .found(entry)
            } ?? .absent(validity: options.attributeValidity)
        }
    }

    private func note(_ located: Located, as entry: Entry) {
        guard let recentLookups else { return }
        switch located {
        case .file(let address, let facts, _):
            recentLookups.note(entry.node, inode: entry.attributes.inode, address, facts)
        case .node(let node):
            let (address, facts) = node.withState { ($0.address, $0.facts) }
            if let facts { recentLookups.note(entry.node, inode: entry.attributes.inode, address, facts) }
        case .directory, .selfLink, .absent: break
        }
    }

    func handOut(_ located: Located, as name: FileName) -> Entry? {
        switch located {
        case .directory(let place, let facts):
            return entry(nodes.lookUp(directory: place, facts: facts))
        case .file(let address, let facts, let startedAt):
            let isShadowed = isEscaped(name)
            let file = nodes.lookUp(file: address, facts: facts, startedAt: startedAt, isShadowed: isShadowed)
            return entry(file, of: address)
        case .node(let node):
            nodes.lookUp(node, isShadowed: isEscaped(name))
            return entry(node)
        case .selfLink: return selfEntry()
        case .absent: return nil
        }
    }

    /// A blob that is shown under an escaped name may stand beside a directory that has its plain name.
    private func isEscaped(_ name: FileName) -> Bool { name.string.utf8.starts(with: "%=".utf8) }

    // MARK: From memory

    /// What is known of the name without asking anybody; `nil` when the store has to be asked.
    func locateInMemory(_ name: FileName, in directory: DirectoryNode) -> Located? {
        locateInMemory(name, in: directory, since: clock.monotonic() - options.attributeValidity)
    }

    /// `fresh`: when what is known must have been asked for at the earliest.
    private func locateInMemory(_ name: FileName, in directory: DirectoryNode, since fresh: Duration) -> Located? {
        let place = directory.place
        let resolution = resolve(name, in: place)
        switch resolution {
        case .fixed(.selfLink): return .selfLink
        case .fixed(let place): return .directory(place, nil)
        case .impossible: return .absent
        case .container(let target):
            guard let container = target.contents?.container else { return .absent }
            if let only = options.onlyContainer { return container == only ? .directory(target, nil) : .absent }
            if changes.container(container, since: fresh) { return .directory(target, nil) }
            // What waits here for a store that is away must stay readable here.
            if unsent.hasFiles(below: BlobAddress(container: container, name: "")) { return .directory(target, nil) }
            guard let snapshot = freshSnapshot(of: directory, since: fresh) else { return nil }
            // A true job id may differ from the name that the listing shows: then the place decides.
            let isThere = snapshot[name]?.place == target || snapshot.contains(target)
            return isThere ? .directory(target, nil) : .absent
        case .gathered(let gathered):
            // What is not in the store yet, or not any more.
            if let address = gathered.file(named: name.string)?.blob, let known = knownFile(address, since: fresh) {
                return known
            }
            let found = listed(name, as: resolution, in: directory, since: fresh)
            switch found {
            case .file(let address, _, _): return knownFile(address, since: fresh) ?? found
            case .absent: return emptiedDirectory(name, in: gathered).map { .directory($0, nil) } ?? .absent
            default: return found
            }
        case .folder(let folder):
            return knownDirectory(folder, name, as: resolution, in: directory, since: fresh)
        case .file(let file):
            guard let address = file.blob else { return .absent }
            if let known = knownFile(address, since: fresh) { return known }
            return listed(name, as: resolution, in: directory, since: fresh)
        case .either(let file, let folder):
            let knownDirectory = knownDirectory(folder, name, as: resolution, in: directory, since: fresh)
            // Of a file and a directory of one name, the directory has it.
            if case .directory = knownDirectory { return knownDirectory }
            guard let address = file.blob, let knownFile = knownFile(address, since: fresh) else {
                // The listing may be older than a removal here.
                if knownFolder(folder, since: fresh) != nil { return nil }
                return listed(name, as: resolution, in: directory, since: fresh)
            }
            // A file that is known to be gone may still be a directory, unless that is known to be gone, too.
            if case .absent = knownFile, knownDirectory == nil { return nil }
            // Known under an escaped name: perhaps because a directory has this one.
            if knownDirectory == nil, nodes.known(at: address)?.isShadowed == true { return nil }
            return knownFile
        }
    }

    /// What is known of the name as that of a directory.
    private func knownDirectory(
        _ folder: TreePlace,
        _ name: FileName,
        as resolution: Resolution,
        in directory: DirectoryNode,
        since: Duration
    ) -> Located? {
        if let known = knownFolder(folder, since: since) { return known }
        if let contents = folder.contents, unsent.hasFiles(below: contents) { return .directory(folder, nil) }
        switch listed(name, as: resolution, in: directory, since: since) {
        case .directory(let place, let facts): return .directory(place, facts)
        case .absent, .file, .node: return .absent
        case .selfLink, nil: return nil
        }
    }

    private func knownFolder(_ folder: TreePlace, since: Duration) -> Located? {
        guard let marker = folder.markerBlob, let change = changes.folder(marker, since: since) else { return nil }
        switch change {
        case .present(let marker): return .directory(folder, marker?.facts)
        case .absent: return .absent
        }
    }

    private func knownFile(_ address: BlobAddress, since: Duration) -> Located? {
        switch nodes.known(at: address) {
        case .node(let node):
            let isKnown = node.withState { $0.hasUnsentContent || ($0.facts != nil && $0.learnedAt >= since) }
            if isKnown || isSettled(node) { return .node(node) }
        case .dormant(_, _, let facts, let learnedAt, _):
            if learnedAt >= since || isSettled(address, learnedAt: learnedAt) {
                return .file(address, facts, startedAt: learnedAt)
            }
        case nil: break
        }
        switch changes.file(address, since: since) {
        case .present(let node): return .node(node)
        case .stored(let facts, let learnedAt): return .file(address, facts, startedAt: learnedAt)
        case .absent, .held: return .absent
        case nil: return nil
        }
    }

    func located(_ entry: SnapshotEntry, startedAt: Duration) -> Located {
        guard let address = entry.place.blob, let facts = entry.facts else {
            return entry.place == .selfLink ? .selfLink : .directory(entry.place, entry.facts)
        }
        return .file(address, facts, startedAt: startedAt)
    }

    /// A whole listing that is fresh.
    private func freshSnapshot(of directory: DirectoryNode, since: Duration) -> DirectorySnapshot? {
        guard case .ready(.collected(let snapshot), _) = directory.withState({ $0.listing })?.page(0),
            snapshot.isComplete, snapshot.startedAt >= since
        else { return nil }
        return snapshot
    }

    /// What fresh pages of the directory's listing say of the name; `nil` if that is nothing.
    private func listed(
        _ name: FileName,
        as resolution: Resolution,
        in directory: DirectoryNode,
        since: Duration
    ) -> Located? {
        guard let listing = directory.withState({ $0.listing }) else { return nil }
        switch listing.find(
            DirectoryListing.Wanted(name, resolution, in: listing.place),
            since: since,
            at: clock.monotonic()
        ) {
        case .entry(let entry, let startedAt): return completed(located(entry, startedAt: startedAt))
        case .absent: return .absent
        case .unknown: return nil
        }
    }

    /// With the attributes that a listing of a hierarchical namespace does not tell, where they are known of this very
    /// version; `nil` where the store has to be asked for them.
    func completed(_ located: Located) -> Located? {
        guard case .directory(let place, let facts?) = located, facts.isIncomplete else { return located }
        guard let known = nodes.directory(at: place)?.withState({ $0.facts }), known.hasSameETag(as: facts) else {
            return nil
        }
        return .directory(place, known)
    }

    /// The second name that is asked for in a directory that nobody listed lists its first page: who opens a thousand
    /// files by name then pays for each open, and no more for the names on the way there.
    private func listed(_ name: FileName, in directory: DirectoryNode) async -> Located? {
        let now = clock.monotonic()
        let hash = NameHash.of(name.string.utf8)
        let window = max(options.attributeValidity, .seconds(1))
        let place = directory.place
        let plan = place.planned(views: options.views)
        // Where there are no pages, all names would be listed.
        guard case .blobs = plan.source, plan.fixed.isEmpty else { return nil }
        guard directory.withState({ $0.questions.ask(hash, at: now, window: window, isWalk: false) }) else {
            return nil
        }
        let since = now - options.attributeValidity
        // If that fails, the name is asked for by itself.
        guard (try? await content(of: 0, in: listing(of: directory), since: since)) != nil else { return nil }
        return locateInMemory(name, in: directory, since: since)
    }

    /// A name among many that are asked for while what was listed of them has grown too old: lists their page again, and
    /// says what it tells of the name; `nil` if nothing is gained by that.
    private func relisted(_ name: FileName, in directory: DirectoryNode) async -> Located? {
        guard let listing = directory.withState({ $0.listing }) else { return await listed(name, in: directory) }
        let now = clock.monotonic()
        let since = now - options.attributeValidity
        let resolution = resolve(name, in: directory.place)
        let wanted = DirectoryListing.Wanted(name, resolution, in: listing.place)
        guard case .unknown(let page?) = listing.find(wanted, since: since, at: now) else { return nil }
        let pages = listing.pages(
            toListFor: wanted,
            ofPage: page,
            at: now,
            validity: options.attributeValidity,
            // A pause of a second ends a walk.
            window: max(options.attributeValidity, .seconds(1))
        )
        guard !pages.isEmpty else { return nil }
        for other in pages.dropFirst() { askAhead(for: other, of: listing, since: now) }
        // If that fails, the name is asked for by itself.
        guard (try? await content(of: page, in: listing, since: since)) != nil else { return nil }
        return locateInMemory(name, in: directory, since: since)
    }

    // MARK: From the store

    /// Asks the store what the name is.
    func locate(_ name: FileName, in directory: DirectoryNode) async throws(FileSystemError) -> Located {
        if let known = locateInMemory(name, in: directory) { return known }
        if let listed = await relisted(name, in: directory) { return listed }
        switch resolve(name, in: directory.place) {
        case .fixed(.selfLink): return .selfLink
        case .fixed(let place): return .directory(place, nil)
        case .impossible: return .absent
        case .container(let place): return try await locateContainer(place)
        case .gathered(let place): return try await locateGathered(name, in: place)
        case .folder(let place): return try await locateFolder(place) ?? .absent
        case .file(let place):
            let found = try await locateFile(place)
            // What marks a directory is no file beside it.
            if case .directory = found { return .absent }
            return found ?? .absent
        case .either(let file, let folder):
            // A file that is known under this name costs one request.
            if let address = file.blob, let known = nodes.known(at: address), !known.isShadowed,
                let found = try await locateFile(file)
            {
                return found
            }
            // A directory is there by itself, and has no name in common with a file.
            if let container = folder.contents?.container, case .hierarchical = store.namespace(of: container) {
                return try await locatePath(file, folder)
            }
            async let folderResult = folderExistence(folder)
            let found = try await locateFile(file)
            if case .directory = found { return found ?? .absent }
            switch await folderResult {
            case .success(true): return .directory(folder, nil)
            case .success(false): return found ?? .absent
            case .failure(let error):
                // Without permission to list, a name is what it is by itself, and what was a directory stays one.
                if error.kind == .denied, found == nil, nodes.knows(directory: folder) {
                    return .directory(folder, nil)
                }
                if error.kind == .denied || error.kind == .notFound { return found ?? .absent }
                throw failure(error, "lookup", error.resource)
            }
        }
    }

    /// One look tells file and directory.
    private func locatePath(_ file: TreePlace, _ folder: TreePlace) async throws(FileSystemError) -> Located {
        if let contents = folder.contents, unsent.hasFiles(below: contents) { return .directory(folder, nil) }
        if let found = try await locateFile(file) { return found }
        // Who may not look may list.
        guard let address = file.blob, rights.hidesBlobs(in: address.container) else { return .absent }
        return try await locateFolder(folder) ?? .absent
    }

    private func locateGathered(_ name: FileName, in place: GatheredPlace) async throws(FileSystemError) -> Located {
        let startedAt = clock.monotonic()
        do throws(StorageError) {
            switch try await gatherer.find(name.string, in: place) {
            case .directory(let place): return .directory(place, nil)
            case .file(let place, let properties):
                guard let address = place.blob else { return .absent }
                let known = knownFile(address, since: startedAt - options.attributeValidity)
                return known ?? .file(address, FileFacts(properties), startedAt: startedAt)
            case nil: return emptiedDirectory(name, in: place).map { .directory($0, nil) } ?? .absent
            }
        } catch {
            if error.kind == .notFound || error.kind == .invalid { return .absent }
            throw failure(error, "lookup", error.resource)
        }
    }

    private func locateContainer(_ place: TreePlace) async throws(FileSystemError) -> Located {
        guard let container = place.contents?.container else { return .absent }
        do throws(StorageError) {
            _ = try await store.properties(ofContainer: container)
            return .directory(place, nil)
        } catch {
            // A name that no container can have is a job that nobody can have.
            if error.kind == .notFound || error.kind == .invalid { return .absent }
            // Container properties need an account's rights; a token for blobs alone may still list or read in it.
            if error.kind == .denied { return .directory(place, nil) }
            throw failure(error, "lookup", container)
        }
    }

    private func locateFile(_ place: TreePlace) async throws(FileSystemError) -> Located? {
        guard let address = place.blob else { return nil }
        let startedAt = clock.monotonic()
        // Removed here; its blob may still be there for those who have it open.
        if case .absent = knownFile(address, since: startedAt - options.attributeValidity) { return nil }
        do throws(StorageError) {
            let facts = try await store.facts(of: address)
            if facts.posix.isDirectory, facts.length == 0, let folder = folder(markedBy: place) {
                return .directory(folder, facts)
            }
            return .file(address, facts, startedAt: startedAt)
        } catch {
            switch error.kind {
            case .notFound: return nil
            // A token that only writes cannot tell; the name must stay free for open(O_CREAT). What this mount put
            // there it shows, as its listings do.
            case .denied:
                rights.learnHidden(in: address.container)
                return knownFile(address, since: .zero)
            default: throw failure(error, "lookup", address.description)
            }
        }
    }

    /// The directory that a marker blob stands for.
    private func folder(markedBy place: TreePlace) -> TreePlace? {
        guard case .file(let view, let container, let name) = place else { return nil }
        return .folder(view, container: container, prefix: name + "/")
    }

    private func locateFolder(_ place: TreePlace) async throws(FileSystemError) -> Located? {
        if let marker = place.markerBlob, case .hierarchical = store.namespace(of: marker.container) {
            if let contents = place.contents, unsent.hasFiles(below: contents) { return .directory(place, nil) }
            do throws(StorageError) {
                let found = FileFacts(try await store.properties(of: marker))
                return found.isDirectoryMarker ? .directory(place, found) : nil
            } catch {
                if error.kind == .notFound { return nil }
                guard error.kind == .denied else { throw failure(error, "lookup", marker.description) }
            }
        }
        async let existence = folderExistence(place)
        var facts: FileFacts?
        if let marker = place.markerBlob {
            do throws(StorageError) {
                let found = FileFacts(try await store.properties(of: marker))
                if found.posix.isDirectory { facts = found }
            } catch {
                if error.kind != .notFound && error.kind != .denied {
                    throw failure(error, "lookup", marker.description)
                }
            }
        }
        switch await existence {
        case .success(let exists): return exists || facts != nil ? .directory(place, facts) : nil
        case .failure(let error):
            if facts != nil || error.kind == .denied { return .directory(place, facts) }
            if error.kind == .notFound { return nil }
            throw failure(error, "lookup", error.resource)
        }
    }

    /// Whether anything lives below the directory's prefix.
    func folderExistence(_ place: TreePlace) async -> Result<Bool, StorageError> {
        guard let contents = place.contents else { return .success(true) }
        if unsent.hasFiles(below: contents) { return .success(true) }
        let query = BlobQuery(container: contents.container, prefix: contents.name, pageSize: 1)
        do throws(StorageError) {
            var marker: ListMarker?
            repeat {
                let page = try await store.listBlobs(query, after: marker)
                if !page.items.isEmpty { return .success(true) }
                marker = page.next
            } while marker != nil
            return .success(false)
        } catch { return .failure(error) }
    }
}
