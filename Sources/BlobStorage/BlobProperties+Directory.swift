extension BlobProperties {
    /// Whether a blob only says that there is a directory of its name: by the keys of the hierarchical namespace, azcopy and
    /// adlfs, or as a blob of 0 bytes whose name ends with a slash.
    package func marksDirectory(_ name: String) -> Bool {
        if isDirectory { return true }
        guard length == 0 else { return false }
        let isLink = metadata["is_symlink"]?.lowercased() == "true"
        let isMarked = ["hdi_isfolder", "is_directory"].contains { metadata[$0]?.lowercased() == "true" }
        return name.utf8.last == UInt8(ascii: "/") || isMarked && !isLink
    }
}
