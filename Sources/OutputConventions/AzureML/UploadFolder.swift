/// The folder of one Azure ML upload: `LocalUpload/<id>/`, or `az-ml-artifacts/<id>/` of older clients.
///
/// The id is the hash of what was uploaded, or random. Below it is one name, that of the file or folder that was uploaded.
package struct UploadFolder: Sendable, Hashable {
    /// Where a datastore has its uploads.
    package static let roots = ["LocalUpload/", "az-ml-artifacts/"]

    /// What the names of all its blobs begin with.
    package var prefix: String {
        guard case .folder(_, _, let prefix) = place else { return "" }
        return prefix
    }

    package let container: String
    package let id: String
    /// In the view of uploads. Compared by bytes.
    package let place: TreePlace

    /// - Parameter prefix: what the names begin with, with the id and the slash behind it.
    package init?(container: String, prefix: String) {
        let slash = UInt8(ascii: "/")
        guard prefix.utf8.last == slash else { return nil }
        let path = prefix.utf8.dropLast()
        let start = path.lastIndex(of: slash).map { path.index(after: $0) } ?? path.startIndex
        let id = String(Substring(path[start...]))
        guard !id.isEmpty else { return nil }
        self.container = container
        self.id = id
        place = .folder(.uploads, container: container, prefix: prefix)
    }

    /// The SHA-256 of the upload's names and bytes by the library's rules; `nil` where the id is none.
    package var objectHash: String? {
        let isHash = id.utf8.allSatisfy { 0x30...0x39 ~= $0 || 0x61...0x66 ~= $0 }
        return isHash && id.utf8.count == 64 ? id : nil
    }

    package static func == (one: UploadFolder, other: UploadFolder) -> Bool { one.place == other.place }
    package func hash(into hasher: inout Hasher) { place.hash(into: &hasher) }
}
