/// Which version an operation is meant for. Every ranged read, commit and delete names one, so that none can forget it.
package enum VersionCondition: Sendable, Hashable {
    /// Whatever is there.
    case any
    /// Only this version (If-Match): else `.conditionFailed`.
    case matches(ETag)
    /// Only if there is no blob (If-None-Match: *): else `.alreadyExists`.
    case absent
}
