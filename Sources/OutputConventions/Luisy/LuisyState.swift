/// How an output in the store and its line of the manifest agree.
package enum LuisyState: String, Sendable, Hashable, CaseIterable {
    /// The blob is there, and the manifest was saved after it.
    case same
    /// The blob was written after the manifest: an upload was cut short between the two, or somebody wrote it without luisy. The
    /// hash may be that of older bytes.
    case newer
    /// A key without a blob: a task that only wraps others, or an output that somebody deleted.
    case dangling
    /// A key without a hash.
    case null
    /// A blob without a key.
    case orphan

    /// - Parameters:
    ///   - blob: when the newest blob of the output was written, in seconds since the epoch; `nil` where there is none.
    ///   - manifest: when the manifest was.
    package init(_ key: LuisyKey, _ value: LuisyManifest.Value, blob: Int64?, manifest: Int64) {
        if case .null = value {
            self = .null
        } else if let blob {
            self = blob > manifest ? .newer : .same
        } else {
            self = key.isDeltaTable ? .same : .dangling
        }
    }
}
