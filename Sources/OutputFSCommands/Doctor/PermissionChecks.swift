internal import BlobStorage

/// What of a store's operations a credential permits, found out without leaving a trace: each is asked of a blob that does
/// not exist, or of a version that no blob has. Who may not is told so (403) before anybody looks for the blob.
struct Permissions: Sendable, Equatable {
    enum Right: String, CaseIterable, Sendable {
        case read, write, metadata, append, delete
    }

    /// `nil`: the answer said neither.
    var allowed: [Right: Bool] = [:]

    /// - Parameter blob: of a name that nobody else would give.
    static func probe(_ store: any BlobStore, _ blob: BlobAddress) async -> Permissions {
        var permissions = Permissions()
        for right in Right.allCases {
            permissions.allowed[right] = isAllowed(await answer(store, blob, right))
        }
        return permissions
    }

    private static func answer(_ store: any BlobStore, _ blob: BlobAddress, _ right: Right) async -> StorageError? {
        do throws(StorageError) {
            switch right {
            case .read: _ = try await store.properties(of: blob)
            case .write:
                // If-Match of a version that cannot be: 412, or 404 where there is no container.
                let never = VersionCondition.matches(ETag("\"0x0\""))
                _ = try await store.putBlob(blob, .empty, headers: BlobHeaders(), condition: never)
            case .metadata: _ = try await store.setMetadata([:], of: blob, condition: .any)
            case .append: _ = try await store.append(UploadBody([0]), to: blob, at: 0)
            case .delete: try await store.delete(blob, condition: .any)
            }
            return nil
        } catch { return error }
    }

    private static func isAllowed(_ error: StorageError?) -> Bool? {
        switch error?.kind {
        case nil, .notFound, .conditionFailed: true
        case .denied, .unauthenticated: false
        default: nil
        }
    }

    /// `mayList`: as another check found.
    func finding(mayList: Bool, isReadOnly: Bool) -> Finding {
        var words = Right.allCases.map { (right: $0.words, isAllowed: allowed[$0]) }
        words.insert(("list", mayList), at: 0)
        let may = words.filter { $0.isAllowed == true }.map(\.right)
        let mayNot = words.filter { $0.isAllowed == false }.map(\.right)
        let unknown = words.filter { $0.isAllowed == nil }.map(\.right)
        var parts = ["may \(may.isEmpty ? "do nothing" : may.joined(separator: ", "))"]
        if !mayNot.isEmpty { parts.append("not \(mayNot.joined(separator: ", "))") }
        if !unknown.isEmpty { parts.append("no telling: \(unknown.joined(separator: ", "))") }
        let text = parts.joined(separator: "; ")
        let needed: [Right] = isReadOnly ? [.read] : Right.allCases
        let isEnough = mayList && !needed.contains { allowed[$0] == false }
        guard !isEnough else { return Finding("permissions", .ok, text) }
        guard allowed[.read] != false || (!isReadOnly && allowed[.write] != false) else {
            return Finding("permissions", .problem, text, try: Self.remedy)
        }
        return Finding(
            "permissions",
            .warning,
            "\(text): what is not permitted fails with EACCES",
            try: Self.remedy,
            "--read-only, where nothing is to be written"
        )
    }

    private static let remedy = "a SAS with sp=racwdl, or the role Storage Blob Data Contributor"
}

extension Permissions.Right {
    fileprivate var words: String { self == .metadata ? "set metadata" : rawValue }
}
