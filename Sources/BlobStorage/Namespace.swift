/// How an account keeps directories.
package enum Namespace: Sendable, Hashable {
    /// There are none: names have slashes in them.
    case flat
    /// They are there by themselves, and a path changes its name in one step (Azure Data Lake Storage Gen2).
    case hierarchical
}

/// What changes its name, as far as whoever asks knows it.
package enum RenamedPath: Sendable, Hashable {
    /// A file, in this version; another one stays where it is.
    case file(ETag)
    /// A directory; its version, where it is known, tells it again at its new name when the answer was lost.
    case directory(ETag?)
}
