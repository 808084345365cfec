import Testing

@testable import BlobEmulator

/// Listings of a container with directories, against a model.
struct HierarchyTests {
    private func state(_ files: [String], directories: [String] = []) -> ContainerState {
        let start = Timestamp(seconds: 0)
        let properties = ContainerProperties(etag: ETag(ticks: 1), modified: start)
        var state = ContainerState(properties, isHierarchical: true) { _ in }
        for name in files {
            let blob = Blob(kind: .append, etag: ETag(ticks: 1), modified: start, created: start)
            state.replace(Name(name), with: blob, now: start)
        }
        for name in directories { state.replace(Name(name), with: .folder(ETag(ticks: 1), at: start), now: start) }
        return state
    }

    private func listed(_ state: ContainerState, prefix: String, limit: Int) throws -> [String] {
        var query = ListingQuery()
        query.prefix = Name(prefix)
        query.delimiter = [UInt8(ascii: "/")]
        query.limit = limit
        var names: [String] = []
        for _ in 0..<200 {
            let page = state.page(query)
            #expect(page.entries.count <= limit)
            for entry in page.entries {
                switch entry {
                case .blob(let name, _, _), .directory(let name, _): names.append(name.text)
                default: Issue.record("\(entry)")
                }
            }
            guard let next = page.next else { return names }
            let marker: ListMarker = try #require(ListMarker(next.text))
            query.start = marker
        }
        Issue.record("the listing does not end")
        return names
    }

    @Test(arguments: 1...6)
    func `every name of a level comes once and in order, in pages of every size`(limit: Int) throws {
        let state = state(
            ["a/x/1", "a/y", "a-/z", "a-b", "a.txt", "b/c/d/e", "top"],
            directories: ["a--", "empty", "a/none"]
        )
        let top = ["a--/", "a-/", "a-b", "a.txt", "a/", "b/", "empty/", "top"]
        #expect(try listed(state, prefix: "", limit: limit) == top)
        #expect(try listed(state, prefix: "a", limit: limit) == ["a--/", "a-/", "a-b", "a.txt", "a/"])
        #expect(try listed(state, prefix: "a/", limit: limit) == ["a/none/", "a/x/", "a/y"])
        #expect(try listed(state, prefix: "empty/", limit: limit) == [])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `listings and removals agree with a model`(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        var state = state([])
        var model: Set<String> = []
        let letters = ["a", "a-", "b", "a0"]
        for _ in 0..<200 {
            let depth = Int.random(in: 1...3, using: &generator)
            let parts = (0..<depth).map { _ in letters.randomElement(using: &generator) ?? "a" }
            let name = Name(parts.joined(separator: "/"))
            if Int.random(in: 0..<4, using: &generator) == 0 {
                state.removeTree(name)
                model = model.filter { $0 != name.text && !$0.hasPrefix(name.text + "/") }
            } else {
                state.replace(
                    name,
                    with: .folder(ETag(ticks: 1), at: Timestamp(seconds: 0)),
                    now: Timestamp(seconds: 0)
                )
                for end in 1...depth { model.insert(parts[..<end].joined(separator: "/")) }
            }
            for directory in [""] + model {
                let prefix = directory.isEmpty ? "" : directory + "/"
                let children = model.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
                let expected = children.map { $0 + "/" }.sorted { Name($0) < Name($1) }
                let shown = try listed(state, prefix: prefix, limit: 3)
                #expect(shown == expected, "seed \(seed), below \(prefix)")
                #expect(state.hasEntries(Name(directory)) == !children.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test(arguments: [
        ("0750", "rwxr-x---"), ("rwxrw-r--", "rwxrw-r--"), ("0022", "----w--w-"),
    ])
    func `permissions are digits or letters`(text: String, shown: String) {
        var access = PathAccess(isDirectory: true)
        let isTaken = access.set(permissions: text)
        #expect(isTaken)
        #expect(access.permissions == shown)
    }

    @Test(arguments: ["", "75", "rwx", "rwxrwxrwq", "9999"])
    func `other permissions are refused`(text: String) {
        var access = PathAccess(isDirectory: false)
        let isTaken = access.set(permissions: text)
        #expect(!isTaken)
        #expect(access == PathAccess(isDirectory: false))
    }
}
