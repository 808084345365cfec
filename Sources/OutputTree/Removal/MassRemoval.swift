package import BlobStorage
package import OutputConventions
import OutputViews

/// Deletes what is at and below a path of the tree, in the versions that a listing showed, a page at a time.
package struct MassRemoval: Sendable {
    package struct Doomed: Sendable {
        let address: BlobAddress
        let properties: BlobProperties
        var deletion: BlobDeletion { BlobDeletion(address, condition: .matches(properties.version.etag)) }
    }

    private let store: any BlobStore
    private let views: ShownViews
    private let onlyContainer: String?
    private let gatherer: Gatherer

    /// - Parameter datastores: those of the configuration, which `store` leads to: they decide what paths mean.
    package init(
        store: any BlobStore,
        views: ShownViews,
        onlyContainer: String?,
        datastores: [ConfiguredDatastore] = []
    ) {
        let source = GatheredSource(onlyContainer: onlyContainer, datastores: datastores)
        let gatherer = Gatherer(store: store, source: source)
        self.init(store: store, views: views, onlyContainer: onlyContainer, gatherer: gatherer)
    }

    init(store: any BlobStore, views: ShownViews, onlyContainer: String?, gatherer: Gatherer) {
        (self.store, self.views, self.onlyContainer, self.gatherer) = (store, views, onlyContainer, gatherer)
    }

    /// One step without a mount.
    ///
    /// - Parameter isLate: whether a listing before did not show a file: it stays, and is named.
    package func run(
        _ step: RemovalStep,
        sparing isLate: (BlobProperties) -> Bool = { _ in false }
    ) async throws(RemovalRefusal) -> RemovalAnswer {
        guard let target = try await target(goingOnWith: step, isKnown: { _ in false }) else { return RemovalAnswer() }
        let (doomed, next) = try await page(of: target, after: step.marker)
        var answer = RemovalAnswer(next: next, directory: RemovalDirectory(target.address))
        guard !step.isDryRun else {
            answer.blobs = doomed.map(\.told)
            return answer
        }
        var blobs: [Doomed] = []
        for blob in doomed where !isDirectory(blob) {
            if FileFacts(blob.properties).isDirectoryMarker || !isLate(blob.properties) {
                blobs.append(blob)
            } else {
                let reason = "it was written since it was looked at: it stays"
                answer.failures.append(.init(path: blob.address.description, reason: reason))
            }
        }
        answer.add(blobs, await store.deleteEach(blobs.map(\.deletion), atOnce: step.atOnce))
        if next == nil { _ = try await removeDirectories(of: target, atOnce: step.atOnce, &answer) }
        return answer
    }

    /// A directory of a hierarchical namespace is listed among the blobs, and goes only when nothing is in it.
    func isDirectory(_ doomed: Doomed) -> Bool {
        store.namespace(of: doomed.address.container) == .hierarchical && FileFacts(doomed.properties).isDirectoryMarker
    }

    /// Behind the last page: what has become empty of the directories in a hierarchical namespace, the deepest first.
    /// Returns those that are gone.
    func removeDirectories(
        of target: RemovalTarget,
        atOnce: Int,
        _ answer: inout RemovalAnswer
    ) async throws(RemovalRefusal) -> [BlobAddress] {
        guard store.namespace(of: target.address.container) == .hierarchical, target.directory != nil else { return [] }
        var levels: [Int: [Doomed]] = [:]
        var marker: String?
        repeat {
            let (found, next) = try await page(of: target, after: marker)
            for directory in found where isDirectory(directory) {
                let depth = directory.address.name.utf8.count { $0 == UInt8(ascii: "/") }
                levels[depth, default: []].append(directory)
            }
            marker = next
        } while marker != nil
        var gone: [BlobAddress] = []
        for (_, level) in levels.sorted(by: { $0.key > $1.key }) {
            let failures = await store.deleteEach(level.map(\.deletion), atOnce: atOnce)
            for (directory, failure) in zip(level, failures) {
                // That of a place that shows a part of it stays for the other part.
                if failure?.kind == .notEmpty, target.sharesDirectory(directory.address) { continue }
                answer.add([directory], [failure])
                if failure == nil || failure?.kind == .notFound { gone.append(directory.address) }
            }
        }
        return gone
    }

    /// As `target(of:)`; `nil` where nothing is left of what the step before was about.
    func target(
        goingOnWith step: RemovalStep,
        isKnown: (BlobAddress) -> Bool
    ) async throws(RemovalRefusal) -> RemovalTarget? {
        do throws(RemovalRefusal) {
            let target = try await target(of: step, isKnown: isKnown)
            return step.directory.map { $0.address == target.address } ?? true ? target : nil
        } catch {
            guard step.marker != nil, error.kind == .notFound else { throw error }
            return nil
        }
    }

    /// `isKnown`: whether a file, or a directory's prefix, is there though the store does not have it.
    func target(
        of step: RemovalStep,
        isKnown: (BlobAddress) -> Bool
    ) async throws(RemovalRefusal) -> RemovalTarget {
        let file: BlobAddress
        let candidate = try await RemovalCandidate(
            path: step.path,
            views: views,
            onlyContainer: onlyContainer
        ) { name, place async throws(RemovalRefusal) in
            if place.view == .uploads, let upload = upload(of: step) { return upload }
            do throws(StorageError) {
                switch try await gatherer.find(name, in: place) {
                case .directory(let place), .file(let place, _): return place
                case nil: return nil
                }
            } catch { throw RemovalRefusal(error) }
        }
        switch candidate {
        case .file(let blob): file = blob
        case .fixed(let place): return try directory(place, step)
        case .directory(let place):
            guard try await isThere(place, step, isKnown) else {
                throw RemovalRefusal(.notFound, "\(step.path) is not there")
            }
            return try directory(place, step)
        case .either(let blob, let folder):
            if try await isThere(folder, step, isKnown) { return try directory(folder, step) }
            file = blob
        }
        do throws(StorageError) { _ = try await store.properties(of: file) } catch {
            guard error.kind == .notFound, isKnown(file) else { throw RemovalRefusal(error) }
        }
        return RemovalTarget(address: file, directory: nil)
    }

    /// The upload that the step before was about.
    private func upload(of step: RemovalStep) -> TreePlace? {
        guard let directory = step.directory?.address else { return nil }
        return gatherer.names.uploads(of: directory.name, in: directory.container).first?.place
    }

    private func isThere(
        _ place: TreePlace,
        _ step: RemovalStep,
        _ isKnown: (BlobAddress) -> Bool
    ) async throws(RemovalRefusal) -> Bool {
        // A step that goes on does so in a directory, also in one that is empty by now.
        if step.marker != nil { return true }
        guard let contents = place.contents else { return false }
        do throws(StorageError) {
            let query = BlobQuery(container: contents.container, prefix: contents.name, pageSize: 1)
            do throws(StorageError) {
                if try await hasBlobs(query) { return true }
            } catch {
                // A hierarchical namespace refuses to list below what is a file.
                guard error.kind == .invalid else { throw error }
            }
            if isKnown(contents) { return true }
            guard let marker = place.markerBlob else { return false }
            return try await directoryMarker(marker) != nil
        } catch { throw RemovalRefusal(error) }
    }

    private func directory(_ place: TreePlace, _ step: RemovalStep) throws(RemovalRefusal) -> RemovalTarget {
        guard let contents = place.contents else {
            throw RemovalRefusal(.forbidden, "\(step.path) belongs to the tree")
        }
        guard step.isRecursive else { throw RemovalRefusal(.isDirectory, "\(step.path) is a directory: give -r") }
        return RemovalTarget(address: contents, directory: place)
    }

    /// A page may be empty and not be the last.
    private func hasBlobs(_ query: BlobQuery) async throws(StorageError) -> Bool {
        var marker: ListMarker?
        repeat {
            let page = try await store.listBlobs(query, after: marker)
            if !page.items.isEmpty { return true }
            marker = page.next
        } while marker != nil
        return false
    }

    /// What is to go of one page, and where the next one begins.
    func page(
        of target: RemovalTarget,
        after marker: String?
    ) async throws(RemovalRefusal) -> (doomed: [Doomed], next: String?) {
        do throws(StorageError) {
            guard target.directory != nil else {
                let properties = try await store.properties(of: target.address)
                return ([Doomed(address: target.address, properties: properties)], nil)
            }
            let container = target.address.container
            let query = BlobQuery(container: container, prefix: target.address.name, includesMetadata: true)
            let page = try await store.listBlobs(query, after: marker.map { ListMarker($0) })
            var doomed = page.items.compactMap { item -> Doomed? in
                guard case .blob(let name, let properties) = item,
                    target.includes(name, isDirectory: properties.marksDirectory(name))
                else { return nil }
                return Doomed(address: BlobAddress(container: container, name: name), properties: properties)
            }
            // The marker goes with the last of the names: until then the directory is one.
            if page.next == nil, let marker = target.marker, let found = try await directoryMarker(marker) {
                doomed.append(Doomed(address: marker, properties: found))
            }
            return (doomed, page.next?.text)
        } catch {
            // Of a file: only this mount has it.
            if error.kind == .notFound, target.directory == nil { return ([], nil) }
            throw RemovalRefusal(error)
        }
    }

    private func directoryMarker(_ blob: BlobAddress) async throws(StorageError) -> BlobProperties? {
        do throws(StorageError) {
            let properties = try await store.properties(of: blob)
            return FileFacts(properties).isDirectoryMarker ? properties : nil
        } catch {
            guard error.kind == .notFound else { throw error }
            return nil
        }
    }
}

extension MassRemoval.Doomed {
    var told: RemovalAnswer.Blob { RemovalAnswer.Blob(path: address.description, size: properties.length) }
}

extension RemovalAnswer {
    /// What became of each of them.
    mutating func add(_ doomed: [MassRemoval.Doomed], _ failures: [StorageError?]) {
        for (blob, failure) in zip(doomed, failures) {
            switch failure?.kind {
            // Somebody else was faster.
            case nil, .notFound: blobs.append(blob.told)
            case .conditionFailed:
                self.failures.append(
                    Failure(
                        path: blob.address.description,
                        reason: "it was written again since it was listed: it stays"
                    )
                )
            default:
                self.failures.append(
                    Failure(path: blob.address.description, reason: failure?.description ?? "")
                )
            }
        }
    }
}
