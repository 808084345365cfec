import BlobStorage
import FileSystemModel
import Logging
import OutputConventions

/// A mass delete on a mount: the kernel would ask for one name of a directory after the other.
extension OutputFileSystem {
    /// What is open, or not sent yet, is unlinked as unlink(2) does; the rest goes in batches.
    package func remove(_ step: RemovalStep) async throws(RemovalRefusal) -> RemovalAnswer {
        guard !options.isReadOnly || step.isDryRun else {
            throw RemovalRefusal(.forbidden, "the mount is read-only")
        }
        let removal = MassRemoval(
            store: store,
            views: options.views,
            onlyContainer: options.onlyContainer,
            gatherer: gatherer
        )
        let found = try await removal.target(goingOnWith: step) { [self] in isUnsent($0) }
        guard let target = found else { return RemovalAnswer() }
        let (doomed, next) = try await removal.page(of: target, after: step.marker)
        var answer = RemovalAnswer(next: next, directory: RemovalDirectory(target.address))
        // With the last page: what was written meanwhile is among them.
        let unsent = next == nil ? unsentFiles(in: target, except: Set(doomed.map(\.address))) : []
        guard !step.isDryRun else {
            answer.blobs = doomed.filter { !changes.holdsBlob($0.address) }.map(\.told) + unsent.map(\.told)
            return answer
        }
        var (batch, held): ([MassRemoval.Doomed], [(FileNode, MassRemoval.Doomed)]) = ([], [])
        for blob in doomed where !removal.isDirectory(blob) {
            // Unlinked already, and there for those who read on.
            if changes.holdsBlob(blob.address) { continue }
            if let node = nodes.liveFile(at: blob.address), node.withState({ $0.isBusy }) {
                held.append((node, blob))
            } else {
                batch.append(blob)
            }
        }
        let failures = await store.deleteEach(batch.map(\.deletion), atOnce: step.atOnce)
        answer.add(batch, failures)
        for (blob, failure) in zip(batch, failures) where failure == nil || failure?.kind == .notFound {
            noteGone(blob.address)
        }
        for (node, blob) in held { await unlink(node, blob.told, &answer) }
        for node in unsent { await unlink(node, node.told, &answer) }
        guard store.namespace(of: target.address.container) == .hierarchical else {
            forgetDirectories(of: target, above: batch.map(\.address) + held.map(\.1.address), isLast: next == nil)
            return answer
        }
        if next == nil, target.directory != nil {
            // Blobs of files that are unlinked and open would keep their directories.
            for node in heldFiles(below: target.address) { _ = await attemptRemoval(node) }
            let gone = try await removal.removeDirectories(of: target, atOnce: step.atOnce, &answer)
            for directory in gone { changes.record(folder: directory, .absent, at: clock.monotonic()) }
        }
        if let place = target.directory { nodes.directory(at: place)?.withState { $0.listing = nil } }
        return answer
    }

    private func isUnsent(_ address: BlobAddress) -> Bool {
        if address.name.utf8.last == UInt8(ascii: "/") { return unsent.hasFiles(below: address) }
        return nodes.liveFile(at: address)?.hasUnsentContent == true
    }

    /// Those that the store has nothing of.
    private func unsentFiles(in target: RemovalTarget, except listed: Set<BlobAddress>) -> [FileNode] {
        guard target.directory != nil else {
            guard listed.isEmpty, let node = nodes.liveFile(at: target.address), node.hasUnsentContent else {
                return []
            }
            return [node]
        }
        return unsent.files(below: target.address).filter { node in
            target.includes(node.address.name) && !listed.contains(node.address)
        }
    }

    private func unlink(_ node: FileNode, _ blob: RemovalAnswer.Blob, _ answer: inout RemovalAnswer) async {
        do throws(FileSystemError) {
            try await unlink(node, at: node.address)
            answer.blobs.append(blob)
        } catch { answer.failures.append(RemovalAnswer.Failure(path: blob.path, reason: error.reason)) }
    }

    /// Directories outlive their last file for a while, so that `rm -r` finds what it removes. Here they go with it.
    private func forgetDirectories(of target: RemovalTarget, above blobs: [BlobAddress], isLast: Bool) {
        guard target.directory != nil else { return }
        let base = target.address.name.utf8.count
        var directories: Set<BlobAddress> = []
        for blob in blobs {
            let name = blob.name.utf8
            for index in name.indices.dropFirst(base) where name[index] == UInt8(ascii: "/") {
                directories.insert(BlobAddress(container: blob.container, name: String(Substring(name[..<index]))))
            }
        }
        if isLast, let marker = target.marker { directories.insert(marker) }
        let now = clock.monotonic()
        for directory in directories { changes.record(folder: directory, .absent, at: now) }
        if let place = target.directory { nodes.directory(at: place)?.withState { $0.listing = nil } }
    }
}

extension FileNode {
    fileprivate var told: RemovalAnswer.Blob {
        withState { RemovalAnswer.Blob(path: $0.address.description, size: $0.size) }
    }
}
