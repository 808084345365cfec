/// One entry of a task's `outputFiles`: what is uploaded, under which name, and when.
package struct OutputFile: Sendable, Hashable {
    package var pattern: FilePattern
    /// `path` of the destination; empty without one.
    package var path: String
    package var condition: UploadCondition

    package init(pattern: FilePattern, path: String?, condition: UploadCondition) {
        self.pattern = pattern
        var path = Substring(path ?? "")
        while path.hasSuffix("/") { path = path.dropLast() }
        while path.hasPrefix("/") { path = path.dropFirst() }
        self.path = String(path)
        self.condition = condition
    }

    /// The name of the blob for a file.
    ///
    /// Of a pattern with wildcards the path is a directory, and the file keeps its place below the pattern's base; of one
    /// without, the path is the blob's whole name, and stands for the file's own where it is left out.
    ///
    /// - Parameter relativePath: of the file, below the base; its name, where the pattern has no wildcard.
    package func blobName(of relativePath: String) -> String {
        if path.isEmpty { return relativePath }
        return pattern.hasWildcard ? "\(path)/\(relativePath)" : path
    }
}

/// After which end of a task its files are uploaded.
package enum UploadCondition: String, Sendable, Hashable, CaseIterable {
    /// Exit status 0.
    case success
    /// Any other.
    case failure
    case completion

    package func isMet(byExitStatus status: Int32) -> Bool {
        switch self {
        case .success: status == 0
        case .failure: status != 0
        case .completion: true
        }
    }
}
