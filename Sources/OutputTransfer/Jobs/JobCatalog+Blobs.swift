package import BlobStorage
internal import OutputConventions

/// A blob of a job.
package struct JobBlob: Sendable {
    package let address: BlobAddress
    package let properties: BlobProperties
    /// From the job's folder on, as the tree shows it: `tasks`, `frame-1`, `TaskOutput`, `a.png`. What the convention has no
    /// name for is below `(other)`, which no kind can be called.
    package let names: [String]

    package static let other = "(other)"

    /// Whose it is, where it is a task's.
    package var task: String? { names.count > 2 && names[0] == "tasks" ? names[1] : nil }

    /// What kind of output it is: `TaskOutput`, `user_logs`, `named-outputs/model`, `result.rds`.
    package var kind: String {
        let names = task == nil ? names[...] : names.dropFirst(2)
        guard names.count > 1 else { return names.first ?? "" }
        return names.first == "named-outputs" && names.count > 2
            ? names.prefix(2).joined(separator: "/") : names.first ?? ""
    }

    /// The file's names behind its kind; itself where it is one.
    package var nameInKind: String {
        let names = task == nil ? names[...] : names.dropFirst(2)
        let count = min(kind.utf8.split(separator: UInt8(ascii: "/")).count, names.count - 1)
        return names.dropFirst(count).joined(separator: "/")
    }

    /// The blob in this version.
    var fingerprint: UInt64 { NameHash.fnv1a("\(address) \(properties.version.etag)") }
}

extension JobCatalog {
    /// Gives each file of a job to `body`, in the order of the listings, 5,000 a request. What only says that there is a
    /// directory is no file.
    package func eachBlob(of job: Job, _ body: (JobBlob) throws -> Void) async throws {
        for place in job.places {
            if place.isBlob {
                try await single(place, body)
            } else {
                try await folder(place, of: job, body)
            }
        }
    }

    private func single(_ place: Job.Place, _ body: (JobBlob) throws -> Void) async throws {
        let address = BlobAddress(container: place.container, name: place.prefix)
        let properties: BlobProperties
        do throws(StorageError) { properties = try await store.properties(of: address) } catch {
            // A run lists the places that it may have, and has not all of them.
            if error.kind == .notFound { return }
            throw error
        }
        guard !properties.marksDirectory(address.name) else { return }
        let last = address.name.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) }
        let names = RunPlaces.path([last ?? address.name], behind: place.prefix)
        try body(JobBlob(address: address, properties: properties, names: names))
    }

    private func folder(_ place: Job.Place, of job: Job, _ body: (JobBlob) throws -> Void) async throws {
        var held = HeldBack()
        var marker: ListMarker?
        func give(_ final: HeldBack.Final) throws {
            guard !final.properties.marksDirectory(final.name) else { return }
            let address = BlobAddress(container: place.container, name: final.name)
            let names = Self.names(of: final, in: place, of: job)
            try body(JobBlob(address: address, properties: final.properties, names: names))
        }
        repeat {
            try Task.checkCancellation()
            let query = BlobQuery(container: place.container, prefix: place.prefix, includesMetadata: true)
            let page = try await page(query, after: marker)
            for item in page.items {
                guard case .blob(let name, let properties) = item else { continue }
                for final in held.pass(name, properties) { try give(final) }
            }
            marker = page.next
        } while marker != nil
        for final in held.finish() { try give(final) }
    }

    /// The last bytes of a blob, at most `count`; none if it is another one by now.
    package func end(of blob: JobBlob, count: UInt64) async throws(StorageError) -> [UInt8] {
        let length = blob.properties.length
        guard length > 0 else { return [] }
        let range = (length - min(count, length))..<length
        let buffer = RangeBuffer(byteCount: range.count)
        do throws(StorageError) {
            let read = try await store.read(blob.address, range, .matches(blob.properties.version.etag), into: buffer)
            return Array(buffer.bytes[..<read.byteCount])
        } catch {
            if error.kind == .conditionFailed { return [] }
            throw error
        }
    }

    /// Deletes the container that a job is, with all that is in it, if it is the one that was looked at: `.conditionFailed`
    /// where it was made anew, or its settings changed. What a run has in containers of its workspace does not go this way.
    package func deleteContainer(of job: Job) async throws(StorageError) {
        for place in job.places where place.isContainer && !RunPlaces.isInWorkspace(container: place.container) {
            try await store.deleteContainer(place.container, unmodifiedSince: job.containerModified)
        }
    }

    private static func names(of blob: HeldBack.Final, in place: Job.Place, of job: Job) -> [String] {
        let raw = TreePlace.container(.containers, container: place.container)
        let plain = raw.path(to: blob.name, isShadowed: blob.isShadowed, views: [.containers]) ?? [blob.name]
        switch job.convention {
        case .batch:
            let own = TreePlace.container(.jobs, container: place.container)
            return own.path(to: blob.name, isShadowed: blob.isShadowed, views: [.jobs]) ?? [JobBlob.other] + plain
        case .azureml:
            let count = place.prefix.utf8.count { $0 == UInt8(ascii: "/") }
            return RunPlaces.path(Array(plain.dropFirst(count)), behind: place.prefix)
        case .foreach:
            let path = ForeachBlob.path(of: blob.name, in: place.container)
            let names = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
            return names.first == "other" ? [JobBlob.other] + names.dropFirst() : names
        }
    }
}
