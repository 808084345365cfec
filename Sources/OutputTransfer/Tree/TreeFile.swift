package import BlobStorage
internal import OutputConventions

/// A file of the tree, or a directory that somebody made and that may be empty, with what a listing said of it.
package struct TreeFile: Sendable {
    /// The names that lead to it, from the directory on that was walked. None of them is `.` or `..`, or holds a slash.
    package var path: [String]
    package let address: BlobAddress
    package let properties: BlobProperties
    package let isDirectory: Bool

    package init(path: [String], address: BlobAddress, properties: BlobProperties, isDirectory: Bool) {
        self.path = path
        self.address = address
        self.properties = properties
        self.isDirectory = isDirectory
    }

    /// What stands in a gathered directory; `nil` if `place` is no file's.
    init?(_ place: TreePlace, _ properties: BlobProperties, path: [String]) {
        guard case .file(_, let container, let name) = place else { return nil }
        let address = BlobAddress(container: container, name: name)
        self.init(path: path, address: address, properties: properties, isDirectory: false)
    }

    /// The path as text.
    package var name: String { path.joined(separator: "/") }
}

extension BlobProperties {
    /// Whether a blob only says that there is a directory of its name: by the keys of the hierarchical namespace, azcopy and
    /// adlfs, or as a blob of 0 bytes whose name ends with a slash.
    func marksDirectory(_ name: String) -> Bool {
        if isDirectory { return true }
        guard length == 0 else { return false }
        let isLink = metadata["is_symlink"]?.lowercased() == "true"
        let isMarked = ["hdi_isfolder", "is_directory"].contains { metadata[$0]?.lowercased() == "true" }
        return name.utf8.last == UInt8(ascii: "/") || isMarked && !isLink
    }
}
