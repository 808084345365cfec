/// The conditional headers of a request, or with a prefix those for the source of a copy.
struct Conditions {
    private enum Match {
        case any
        case tag(String)
    }

    private var ifMatch: Match?
    private var ifNoneMatch: Match?
    private var ifModifiedSince: Timestamp?
    private var ifUnmodifiedSince: Timestamp?
    private var ifTags: TagExpression?
    private let isForSource: Bool

    /// `prefix`: empty, or `x-ms-source-`.
    init(_ headers: HeaderFields, prefix: String = "") throws(Failure) {
        isForSource = !prefix.isEmpty
        ifMatch = headers.nonEmpty(prefix + "if-match").map(Self.match)
        ifNoneMatch = headers.nonEmpty(prefix + "if-none-match").map(Self.match)
        ifModifiedSince = try Self.date(headers, prefix + "if-modified-since")
        ifUnmodifiedSince = try Self.date(headers, prefix + "if-unmodified-since")
        let tags = prefix.isEmpty ? "x-ms-if-tags" : "x-ms-source-if-tags"
        if let text = headers.nonEmpty(tags) {
            guard let expression = TagExpression(text) else { throw .invalidHeader(tags, text) }
            ifTags = expression
        }
    }

    private static func match(_ text: String) -> Match {
        text == "*" ? .any : .tag(text.hasPrefix("W/") ? String(text.dropFirst(2)) : text)
    }

    private static func date(_ headers: HeaderFields, _ name: String) throws(Failure) -> Timestamp? {
        guard let text = headers.nonEmpty(name) else { return nil }
        guard let date = Timestamp(httpDate: text) else { throw .invalidHeader(name, text) }
        return date
    }

    private func holds(_ match: Match, _ etag: ETag) -> Bool {
        switch match {
        case .any: true
        case .tag(let text): text == etag.quoted || text == etag.bare
        }
    }

    /// For a read: 304 when the caller's copy is current, 412 when the blob is not the one that was asked for.
    ///
    /// `If-Match` AND `If-Unmodified-Since` AND (`If-None-Match` OR `If-Modified-Since`).
    func checkRead(_ blob: Blob) throws(Failure) {
        if case .any = ifNoneMatch { throw .code(.unsatisfiableCondition) }
        if let ifMatch, !holds(ifMatch, blob.etag) { throw .code(.conditionNotMet) }
        if let ifUnmodifiedSince, blob.modified.seconds > ifUnmodifiedSince.seconds { throw .code(.conditionNotMet) }
        if let ifTags, !ifTags.holds(for: blob.tags) { throw .code(.conditionNotMet) }
        let isOther = ifNoneMatch.map { !holds($0, blob.etag) }
        let isNewer = ifModifiedSince.map { blob.modified.seconds > $0.seconds }
        guard isOther != nil || isNewer != nil else { return }
        guard isOther ?? false || isNewer ?? false else { throw notModified(blob) }
    }

    private func notModified(_ blob: Blob) -> Failure {
        var error = ServiceError(.conditionNotMet)
        error.status = 304
        error.headers = [("ETag", blob.etag.quoted), ("Last-Modified", blob.modified.httpDate)]
        return .refused(error)
    }

    /// What a write answers when `If-None-Match: *` finds a blob.
    enum Existing {
        /// Operations that make blobs: `409 BlobAlreadyExists`.
        case isConflict
        /// All others: 412.
        case isUnmet
    }

    /// For a write to `blob`, or to a name where there is none.
    func checkWrite(_ blob: Blob?, existing: Existing = .isUnmet) throws(Failure) {
        let isFirstPair = ifNoneMatch != nil || ifModifiedSince != nil
        let isSecondPair = ifMatch != nil || ifUnmodifiedSince != nil
        guard !(isFirstPair && isSecondPair) else { throw .code(.multipleConditionHeadersNotSupported) }
        guard let blob else {
            if ifMatch != nil || ifTags != nil { throw unmet }
            return
        }
        if case .any = ifNoneMatch {
            throw isForSource ? unmet : existing == .isConflict ? .code(.blobAlreadyExists) : unmet
        }
        if let ifMatch, !holds(ifMatch, blob.etag) { throw unmet }
        if let ifNoneMatch, holds(ifNoneMatch, blob.etag) { throw unmet }
        if let ifModifiedSince, blob.modified.seconds <= ifModifiedSince.seconds { throw unmet }
        if let ifUnmodifiedSince, blob.modified.seconds > ifUnmodifiedSince.seconds { throw unmet }
        if let ifTags, !ifTags.holds(for: blob.tags) { throw unmet }
    }

    private var unmet: Failure {
        .code(isForSource ? .sourceConditionNotMet : .conditionNotMet)
    }

    /// Whether a read with `If-Match` of a blob that is not there is answered with 412.
    var demandsExistence: Bool {
        ifMatch != nil
    }

    /// For a container, which knows dates only.
    func checkContainer(modified: Timestamp) throws(Failure) {
        if let ifModifiedSince, modified.seconds <= ifModifiedSince.seconds { throw .code(.conditionNotMet) }
        if let ifUnmodifiedSince, modified.seconds > ifUnmodifiedSince.seconds { throw .code(.conditionNotMet) }
    }
}
