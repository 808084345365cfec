/// Which way a synchronization goes.
package enum SyncDirection: String, Sendable, CaseIterable {
    case upload
    case download
    case both
}

/// What is to happen with one name, from what is known of it on both sides and of the last time that they were alike.
///
/// Nothing is ever deleted: a name that one side lacks is copied there, or left alone.
package enum SyncDecision: Sendable, Hashable {
    case nothing
    /// Both sides are alike: only that is worth remembering.
    case alike
    case upload
    case download
    /// Both changed, or nobody knows which one did: neither is touched.
    case conflict(String)

    package struct Local: Sendable, Hashable {
        package var byteCount: UInt64
        /// Base64.
        package var md5: String

        package init(byteCount: UInt64, md5: String) {
            (self.byteCount, self.md5) = (byteCount, md5)
        }
    }

    package struct Remote: Sendable, Hashable {
        package var byteCount: UInt64
        /// Base64, where its writer stored one.
        package var md5: String?
        package var etag: String

        package init(byteCount: UInt64, md5: String?, etag: String) {
            (self.byteCount, self.md5, self.etag) = (byteCount, md5, etag)
        }
    }

    /// Both sides, when they were alike.
    package struct Base: Sendable, Hashable {
        package var md5: String
        package var etag: String

        package init(md5: String, etag: String) {
            (self.md5, self.etag) = (md5, etag)
        }
    }

    package init(_ direction: SyncDirection, local: Local?, remote: Remote?, base: Base?) {
        guard let local else {
            self = remote == nil || direction == .upload ? .nothing : .download
            return
        }
        guard let remote else {
            self = direction == .download ? .nothing : .upload
            return
        }
        let localIsOld = base.map { $0.md5.utf8.elementsEqual(local.md5.utf8) } ?? false
        let remoteIsOld = base.map { $0.etag.utf8.elementsEqual(remote.etag.utf8) } ?? false
        let isAlike =
            local.byteCount == remote.byteCount
            && (remote.md5.map { $0.utf8.elementsEqual(local.md5.utf8) } ?? (localIsOld && remoteIsOld))
        if isAlike {
            self = .alike
            return
        }
        switch direction {
        case .upload: self = .upload
        case .download: self = .download
        case .both:
            switch (localIsOld, remoteIsOld) {
            case (false, true): self = .upload
            case (true, false): self = .download
            case (false, false):
                self = .conflict(
                    base == nil ? "it differs, and was never alike before" : "it was changed on both sides"
                )
            case (true, true): self = .conflict("its length is not what it was, and nobody changed it")
            }
        }
    }
}
