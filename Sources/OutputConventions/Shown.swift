extension TreePlace {
    /// How a container is shown in this view, or `nil` when it is not a matter of this view. `jobID` is the true id
    /// where it is known; it is used only if it leads back to the container.
    package func shown(container: String, jobID: String?) -> (name: String, place: TreePlace)? {
        nil
    }

    /// How a blob of this directory's listing is shown; `nil` when it belongs elsewhere. The place is a `.file`, or the
    /// `.folder` in which a segment goes on that is too long for one file name.
    ///
    /// Directory markers are the caller's to recognise (by metadata and size): the marker `dir` stands for the prefix
    /// `dir/`, and this directory's own `slashMarker` for nothing.
    package func shown(blob: String) -> (name: String, place: TreePlace)? {
        nil
    }

    /// How blob `a` is shown when the same listing holds the prefix `a/`, whose directory has the name.
    package func shadowed(blob: String) -> (name: String, place: TreePlace)? {
        nil
    }

    /// How a prefix of this directory's listing is shown: a directory; `nil` when it belongs elsewhere.
    package func shown(prefix: String) -> (name: String, place: TreePlace)? {
        nil
    }
}
