/// Which version an operation is meant for. Every ranged read, commit and delete names one, so that none can forget it.
package enum VersionCondition: Sendable, Hashable {
    /// Whatever is there.
    case any
    /// Only this version (If-Match): else `.conditionFailed`.
    case matches(ETag)
    /// Only if there is no blob (If-None-Match: *): else `.alreadyExists`. Of several who ask so, one has made the blob,
    /// and the others hear that they have not.
    case absent
    /// As `.absent`, for who wants the blob to be there and need not be the one who made it: where an answer was lost, the
    /// same bytes with the same headers are as good as one's own.
    case vacant
}
