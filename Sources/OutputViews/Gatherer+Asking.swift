import BlobStorage
import OutputConventions

/// What the views ask the store.
extension Gatherer {
    /// One of several places that a directory is put together from.
    struct Part: Sendable {
        let container: String
        let prefix: String
    }

    /// What a part has to say.
    enum Answer: Sendable {
        case items([ListedItem])
        /// The container is not there.
        case missing
        /// These credentials may not list it.
        case denied(StorageError)

        var items: [ListedItem] {
            if case .items(let items) = self { items } else { [] }
        }
    }

    enum Presence: Sendable, Hashable {
        case there, absent
        /// Nobody can tell: the name has to be taken for one that is there.
        case hidden
    }

    /// All parts, a level each.
    ///
    /// - Throws: what keeps any of them from being listed, since a directory that lacks names must not look whole. Those that
    ///   credentials do not reach are left out, unless that leaves none.
    func list(_ parts: [Part]) async throws(StorageError) -> [Answer] {
        let answers = try await concurrently(parts, atOnce: Self.requestsMax) { part throws(StorageError) in
            try await list(part)
        }
        var refusal: StorageError?
        for answer in answers {
            switch answer {
            case .items: return answers
            case .denied(let error): refusal = refusal ?? error
            case .missing: break
            }
        }
        if let refusal { throw refusal }
        return answers
    }

    private func list(_ part: Part) async throws(StorageError) -> Answer {
        let query = BlobQuery(
            container: part.container,
            prefix: part.prefix,
            delimiter: "/",
            includesMetadata: true
        )
        var items: [ListedItem] = []
        var marker: ListMarker?
        do throws(StorageError) {
            repeat {
                let page = try await store.listBlobs(query, after: marker)
                items += page.items.filter { $0.name.utf8.starts(with: part.prefix.utf8) }
                marker = page.next
            } while marker != nil
        } catch {
            switch error.kind {
            case .notFound: return .missing
            case .denied: return .denied(error)
            default: throw error
            }
        }
        return .items(items)
    }

    /// Whether any blob's name begins so.
    func presence(of part: Part) async throws(StorageError) -> Presence {
        do throws(StorageError) {
            return try await hasBlobs(below: part.prefix, in: part.container) ? .there : .absent
        } catch {
            switch error.kind {
            case .notFound: return .absent
            case .denied: return .hidden
            default: throw error
            }
        }
    }

    /// The names of the containers that begin so; none where these credentials may not list containers.
    func containers(prefix: String) async throws(StorageError) -> [String] {
        if let only = source.onlyContainer { return only.utf8.starts(with: prefix.utf8) ? [only] : [] }
        var names: [String] = []
        var marker: ListMarker?
        do throws(StorageError) {
            repeat {
                let page = try await store.listContainers(ContainerQuery(prefix: prefix), after: marker)
                names += page.containers.map(\.name)
                marker = page.next
            } while marker != nil
        } catch {
            guard error.kind == .denied else { throw error }
        }
        return names
    }

    /// Whether credentials may reach the container.
    func reaches(_ container: String) -> Bool {
        source.onlyContainer.map { $0.utf8.elementsEqual(container.utf8) } ?? true
    }
}
