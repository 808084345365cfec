package import BlobStorage
import Synchronization

extension MemoryStore {
    package func listContainers(
        _ query: ContainerQuery,
        after marker: ListMarker?
    ) async throws(StorageError) -> ContainerPage {
        try await perform(.listContainers, on: query.prefix) { [self] (failures) throws(StorageError) in
            let position = try Position(marker, query: query.prefix, failures)
            let all = state.withLock { $0.containers.values.sorted { $0.name < $1.name } }
                .filter { $0.name.hasPrefix(query.prefix) }
            let page = try page(
                all.map { ($0.name, $0) },
                position,
                size: query.pageSize,
                query: query.prefix,
                failures
            )
            let containers = page.items.map { container in
                var container = container
                if !query.includesMetadata { container.metadata = [:] }
                return container
            }
            return ContainerPage(containers: containers, next: page.next)
        }
    }

    package func listBlobs(
        _ query: BlobQuery,
        after marker: ListMarker?,
        nextKnown: @Sendable (ListMarker) -> Void
    ) async throws(StorageError) -> BlobPage {
        try await perform(.listBlobs, on: query.container) { [self] (failures) throws(StorageError) in
            let queryText = "\(query.container)|\(query.prefix)|\(query.delimiter ?? "")|\(query.includesUncommitted)"
            let position = try Position(marker, query: queryText, failures)
            let blobs = try state.withLock { (state) throws(StorageError) in
                guard state.containers[query.container] != nil else {
                    throw failures(.notFound, 404, "ContainerNotFound")
                }
                return state.blobs
            }
            if namespace == .hierarchical { try NameRules.check(prefix: query, blobs, failures) }
            var items: [(name: String, item: ListedItem)] = []
            let ordered = blobs.sorted { habits.precedes($0.key.name, $1.key.name) }
            for (address, blob) in ordered where address.container == query.container {
                let name = address.name.utf8
                guard name.starts(with: query.prefix.utf8) else { continue }
                // By level a directory is a prefix, in its place, and its metadata is not told.
                if query.delimiter != nil, var directory = blob.committed?.properties, directory.isDirectory,
                    !name.dropFirst(query.prefix.utf8.count).contains(UInt8(ascii: "/"))
                {
                    directory.metadata = [:]
                    items.append((address.name + "/", .prefix(address.name + "/", directory)))
                    continue
                }
                let rest = name.dropFirst(query.prefix.utf8.count)
                if let delimiter = query.delimiter?.utf8, let end = rest.endOfFirst(delimiter) {
                    let prefix = String(decoding: name[..<end], as: UTF8.self)
                    if namespace == .hierarchical { continue }
                    guard items.last.map({ !$0.name.utf8.elementsEqual(prefix.utf8) || $0.item.isBlob }) ?? true else {
                        continue
                    }
                    items.append((prefix, .prefix(prefix)))
                } else if var properties = blob.committed?.properties {
                    if !query.includesMetadata { properties.metadata = [:] }
                    properties.committedBlockCount = nil
                    items.append((address.name, .blob(name: address.name, properties)))
                } else if query.includesUncommitted {
                    let version = BlobVersion(etag: ETag(""), lastModified: 0)
                    items.append((address.name, .blob(name: address.name, BlobProperties(version: version, length: 0))))
                }
            }
            if namespace == .hierarchical { items.sort { habits.precedes($0.name, $1.name) } }
            let page = try page(items, position, size: query.pageSize, query: queryText, failures)
            var listed = page.items
            if habits.repeatsPrefixes, let last = position.name,
                let repeated = items.first(where: { $0.name.utf8.elementsEqual(last.utf8) && !$0.item.isBlob })
            {
                listed.insert(repeated.item, at: 0)
            }
            if habits.sendsPrefixesFirst { listed = listed.filter { !$0.isBlob } + listed.filter(\.isBlob) }
            return BlobPage(items: listed, next: page.next)
        }
    }

    private func page<Item>(
        _ items: [(name: String, item: Item)],
        _ position: Position,
        size: Int?,
        query: String,
        _ failures: Failures
    ) throws(StorageError) -> (items: [Item], next: ListMarker?) {
        guard size ?? 1 > 0 else { throw failures(.invalid, 400, "OutOfRangeQueryParameterValue") }
        let rest = items.drop { item in
            position.name.map { !habits.precedes($0, item.name) } ?? false
        }
        if habits.insertsEmptyPages, !position.isBehindEmptyPage, !rest.isEmpty {
            return ([], Position(name: position.name, isBehindEmptyPage: true).marker(query: query))
        }
        let page = rest.prefix(min(size ?? 5_000, habits.pageSizeMax))
        guard page.count < rest.count else { return (page.map(\.item), nil) }
        return (page.map(\.item), Position(name: page.last?.name, isBehindEmptyPage: false).marker(query: query))
    }

    /// Where a listing goes on: behind a name, so that changes between two pages shift nothing. The marker is good for
    /// the same query only.
    private struct Position {
        var name: String?
        var isBehindEmptyPage: Bool

        init(name: String?, isBehindEmptyPage: Bool) {
            self.name = name
            self.isBehindEmptyPage = isBehindEmptyPage
        }

        init(_ marker: ListMarker?, query: String, _ failures: Failures) throws(StorageError) {
            self.init(name: nil, isBehindEmptyPage: false)
            guard let marker else { return }
            // In hexadecimal, so that nobody takes it for a name.
            let parts = marker.text.split(separator: "!", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1] == Self.digest(query) else {
                throw failures(.invalid, 400, "InvalidQueryParameterValue")
            }
            isBehindEmptyPage = parts[0] == "1"
            let digits = Array(parts[2])
            let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }
            if !bytes.isEmpty { name = String(decoding: bytes, as: UTF8.self) }
        }

        func marker(query: String) -> ListMarker {
            let name = (name ?? "").utf8.map { String(Int($0) + 256, radix: 16).dropFirst() }.joined()
            return ListMarker("\(isBehindEmptyPage ? 1 : 0)!\(Self.digest(query))!\(name)")
        }

        private static func digest(_ text: String) -> String {
            String(
                text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 },
                radix: 16
            )
        }
    }
}

extension ListedItem {
    fileprivate var isBlob: Bool {
        switch self {
        case .blob: true
        case .prefix: false
        }
    }
}

extension Collection where Element == UInt8 {
    /// The index behind the first occurrence of `pattern`.
    fileprivate func endOfFirst(_ pattern: some Collection<UInt8>) -> Index? {
        guard !pattern.isEmpty else { return nil }
        return indices.first { self[$0...].starts(with: pattern) }.map { index($0, offsetBy: pattern.count) }
    }
}
