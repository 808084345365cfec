import BlobStorage
import OutputConventions

/// What the views ask the store.
extension Gatherer {
    /// Listings under way at once: 10,000 of them at 20 ms are 13 seconds, and not 3 minutes.
    static let atOnce = 16

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
        let answers = try await each(of: parts) { (part) async throws(StorageError) in try await list(part) }
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
        let query = BlobQuery(container: part.container, prefix: part.prefix, pageSize: 1)
        var marker: ListMarker?
        do throws(StorageError) {
            repeat {
                let page = try await store.listBlobs(query, after: marker)
                if !page.items.isEmpty { return .there }
                marker = page.next
            } while marker != nil
        } catch {
            switch error.kind {
            case .notFound: return .absent
            case .denied: return .hidden
            default: throw error
            }
        }
        return .absent
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

    /// The answers in the order of `items`, which are asked for `atOnce` at a time; the first failure ends it.
    func each<Item: Sendable, Value: Sendable>(
        of items: [Item],
        _ body: @escaping @Sendable (Item) async throws(StorageError) -> Value
    ) async throws(StorageError) -> [Value] {
        let results = await withTaskGroup(of: (Int, Result<Value, StorageError>).self) { group in
            var results: [Result<Value, StorageError>?] = Array(repeating: nil, count: items.count)
            var next = 0
            func ask() {
                guard next < items.count else { return }
                let (index, item) = (next, items[next])
                next += 1
                group.addTask {
                    do throws(StorageError) { return (index, .success(try await body(item))) } catch {
                        return (index, .failure(error))
                    }
                }
            }
            for _ in 0..<min(Self.atOnce, items.count) { ask() }
            while let (index, result) = await group.next() {
                results[index] = result
                if case .failure = result { group.cancelAll() } else { ask() }
            }
            return results
        }
        var values: [Value] = []
        var cancelled: StorageError?
        for case .failure(let error)? in results {
            // The others were cancelled for its sake.
            guard error.kind == .cancelled else { throw error }
            cancelled = error
        }
        if let cancelled { throw cancelled }
        for case .success(let value)? in results { values.append(value) }
        return values
    }
}
