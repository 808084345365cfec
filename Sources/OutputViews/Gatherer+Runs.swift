package import BlobStorage
package import OutputConventions

/// `/runs`: a folder for each run, put together from the folders of artifacts and from those of named outputs.
extension Gatherer {
    /// What a place of this view is.
    private enum RunPlace {
        case all
        case run(String)
        case namedOutputs(of: String)

        init?(_ path: String) {
            let names = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
            switch names.count {
            case 0: self = .all
            case 1: self = .run(names[0])
            case 2: self = .namedOutputs(of: names[0])
            default: return nil
            }
        }
    }

    func runEntries(of place: GatheredPlace) async throws(StorageError) -> [GatheredEntry] {
        switch RunPlace(place.path) {
        case .all: try await runs()
        case .run(let run): try await folders(of: run)
        case .namedOutputs(let run): try await namedOutputs(of: run)
        case nil: []
        }
    }

    func findInRuns(_ name: String, in place: GatheredPlace) async throws(StorageError) -> GatheredEntry.Target? {
        switch RunPlace(place.path) {
        case .all: try await findRun(name)
        case .run(let run): try await findFolder(name, of: run)
        case .namedOutputs(let run):
            try await namedOutputs(of: run).first { $0.name.utf8.elementsEqual(name.utf8) }?.target
        case nil: nil
        }
    }

    // MARK: Runs

    private func runs() async throws(StorageError) -> [GatheredEntry] {
        var parts = outputRoots(among: try await blobstoresNow())
        if let artifacts = part(RunBlobs.root) { parts.append(artifacts) }
        var seen: Set<TreePlace> = []
        var entries: [GatheredEntry] = []
        for (part, answer) in zip(parts, try await list(parts)) {
            for case .prefix(let prefix, _) in answer.items {
                let run = String(Substring(prefix.utf8.dropFirst(part.prefix.utf8.count).dropLast()))
                let place = Self.place(ofRun: run)
                guard let name = RunBlobs.name(ofRun: run), seen.insert(place).inserted else { continue }
                entries.append(GatheredEntry(name, directory: place))
            }
        }
        return entries
    }

    /// One request for a run that left artifacts; for others one more for each place where outputs may be.
    private func findRun(_ name: String) async throws(StorageError) -> GatheredEntry.Target? {
        guard let run = RunBlobs.run(ofName: name) else { return nil }
        let place = GatheredEntry.Target.directory(Self.place(ofRun: run))
        if let artifacts = part(RunBlobs.prefix(ofRun: run)), try await presence(of: artifacts) != .absent {
            return place
        }
        return try await hasNamedOutputs(run) ? place : nil
    }

    // MARK: The folders of a run

    /// There as soon as the run has any artifact: who waits for the first output or log finds where it will be.
    private static let early: [RunCategory] = [.outputs, .userLogs]

    private func folders(of run: String) async throws(StorageError) -> [GatheredEntry] {
        let prefix = RunBlobs.prefix(ofRun: run)
        var names = try await artifactFolders(of: run, prefix)
        if !names.isEmpty { names.formUnion(Self.early.map(\.rawValue)) }
        var entries = names.map { GatheredEntry($0, directory: Self.folder($0, prefix)) }
        if try await hasNamedOutputs(run) {
            entries.append(GatheredEntry(RunBlobs.namedOutputs, directory: Self.namedOutputs(of: run)))
        }
        return entries
    }

    /// The categories that have something, and `artifacts` if anything is beside them.
    private func artifactFolders(of run: String, _ prefix: String) async throws(StorageError) -> Set<String> {
        guard let part = part(prefix) else { return [] }
        var names: Set<String> = []
        let listed: [Answer]
        do throws(StorageError) { listed = try await list([part]) } catch {
            guard error.kind == .denied else { throw error }
            // Who may not list may know names.
            return Set(RunCategory.allCases.map(\.rawValue) + [RunBlobs.artifacts])
        }
        let artifacts = TreePlace.folder(.runs, container: part.container, prefix: prefix)
        for item in listed.flatMap(\.items) {
            var name = item.name
            var isFolder = true
            if case .blob(_, let properties) = item {
                // The run's own marker says that there is a run.
                if name.utf8.elementsEqual(prefix.utf8), properties.length == 0 {
                    names.formUnion(Self.early.map(\.rawValue))
                    continue
                }
                isFolder = properties.marksDirectory(name)
            }
            if isFolder, name.utf8.last != UInt8(ascii: "/") { name += "/" }
            if isFolder, artifacts.shown(prefix: name) == nil {
                names.insert(String(Substring(name.utf8.dropFirst(prefix.utf8.count).dropLast())))
            } else {
                names.insert(RunBlobs.artifacts)
            }
        }
        return names
    }

    private func findFolder(_ name: String, of run: String) async throws(StorageError) -> GatheredEntry.Target? {
        let prefix = RunBlobs.prefix(ofRun: run)
        if name.utf8.elementsEqual(RunBlobs.namedOutputs.utf8) {
            return try await hasNamedOutputs(run) ? .directory(Self.namedOutputs(of: run)) : nil
        }
        if name.utf8.elementsEqual(RunBlobs.artifacts.utf8) {
            return try await artifactFolders(of: run, prefix).contains(name)
                ? .directory(Self.folder(name, prefix)) : nil
        }
        guard let category = RunCategory(rawValue: name), let artifacts = part(prefix) else { return nil }
        let folder = GatheredEntry.Target.directory(Self.folder(name, prefix))
        if Self.early.contains(category) { return try await presence(of: artifacts) == .absent ? nil : folder }
        let marked = BlobAddress(container: artifacts.container, name: prefix + name)
        let own = Part(container: artifacts.container, prefix: marked.name + "/")
        if try await presence(of: own) != .absent { return folder }
        do throws(StorageError) {
            return try await store.properties(of: marked).marksDirectory(marked.name) ? folder : nil
        } catch {
            guard error.kind == .notFound || error.kind == .denied else { throw error }
            return nil
        }
    }

    // MARK: Named outputs

    /// Where a run has more than one output of a name: the default place first, as the studio has it.
    private func outputRoots(among blobstores: [String]) -> [Part] {
        let containers = blobstores.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } + [RunBlobs.artifactContainer]
        return RunBlobs.namedOutputRoots.flatMap { root in
            containers.compactMap { container in
                guard reaches(container),
                    RunBlobs.namedOutputRoots(of: container).contains(where: { $0.utf8.elementsEqual(root.utf8) })
                else { return nil }
                return Part(container: container, prefix: root)
            }
        }
    }

    private func outputFolders(of run: String) async throws(StorageError) -> [(root: String, part: Part)] {
        outputRoots(among: try await blobstores()).map { root in
            (root.prefix, Part(container: root.container, prefix: "\(root.prefix)\(run)/"))
        }
    }

    private func hasNamedOutputs(_ run: String) async throws(StorageError) -> Bool {
        let parts = try await outputFolders(of: run).map(\.part)
        return try await concurrently(parts, atOnce: Self.requestsMax) { part throws(StorageError) in
            try await presence(of: part)
        }.contains(.there)
    }

    private func namedOutputs(of run: String) async throws(StorageError) -> [GatheredEntry] {
        let folders = try await outputFolders(of: run)
        let answers = try await list(folders.map(\.part))
        var outputs: [NamedOutput] = []
        for (folder, answer) in zip(folders, answers) {
            let label = "\(Substring(folder.root.utf8.dropLast()))@\(folder.part.container)"
            outputs += NamedOutput.all(among: answer.items, in: folder.part, label: label)
        }
        var allotment = NameAllotment()
        return outputs.map { output in
            let name = allotment.take(shown: output.shown, text: output.text, labels: [output.label])
            return GatheredEntry(name, output.target)
        }
    }

    /// What a name in it can only be if it is a directory, whether or not it is there: several where names do not tell.
    func directoriesInRuns(named name: String, in place: GatheredPlace) -> [TreePlace] {
        switch RunPlace(place.path) {
        case .all: return RunBlobs.run(ofName: name).map { [Self.place(ofRun: $0)] } ?? []
        case .run(let run):
            if name.utf8.elementsEqual(RunBlobs.namedOutputs.utf8) { return [Self.namedOutputs(of: run)] }
            let isFolder = RunCategory(rawValue: name) != nil || name.utf8.elementsEqual(RunBlobs.artifacts.utf8)
            return isFolder ? [Self.folder(name, RunBlobs.prefix(ofRun: run))] : []
        case .namedOutputs(let run):
            return outputRoots(among: memory.blobstores).map { root in
                .folder(.runs, container: root.container, prefix: "\(root.prefix)\(run)/\(name)/")
            }
        case nil: return []
        }
    }

    /// The directories that a place of this view is put together from: in a hierarchical namespace they outlive what is in
    /// them.
    package func directories(behind place: GatheredPlace) async throws(StorageError) -> [BlobAddress] {
        var parts: [Part] = []
        guard case .runs = place.view else { return [] }
        switch RunPlace(place.path) {
        case .run(let run):
            parts = try await outputFolders(of: run).map(\.part)
            if let artifacts = part(RunBlobs.prefix(ofRun: run)) { parts.append(artifacts) }
        case .namedOutputs(let run): parts = try await outputFolders(of: run).map(\.part)
        case .all, nil: break
        }
        return parts.map { part in
            BlobAddress(container: part.container, name: String(Substring(part.prefix.utf8.dropLast())))
        }
    }

    // MARK: Places

    /// A part of the container of artifacts; `nil` where credentials are for another one.
    private func part(_ prefix: String) -> Part? {
        reaches(RunBlobs.artifactContainer) ? Part(container: RunBlobs.artifactContainer, prefix: prefix) : nil
    }

    private static func place(ofRun run: String) -> TreePlace { .gathered(GatheredPlace(.runs, path: run)) }

    private static func namedOutputs(of run: String) -> TreePlace {
        .gathered(GatheredPlace(.runs, path: "\(run)/\(RunBlobs.namedOutputs)"))
    }

    private static func folder(_ name: String, _ prefix: String) -> TreePlace {
        let isArtifacts = name.utf8.elementsEqual(RunBlobs.artifacts.utf8)
        let path = isArtifacts ? prefix : "\(prefix)\(name)/"
        return .folder(.runs, container: RunBlobs.artifactContainer, prefix: path)
    }
}
