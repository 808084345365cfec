package import BlobStorage

/// A blob whose name is gone for those who unlinked it, and that the store still has.
package struct BlobRemoval: Sendable, Hashable {
    package let blob: BlobAddress
    /// The version that was unlinked: another one is somebody else's file.
    package let etag: ETag
}

/// A directory's rename that did not come to its end: what was copied, and what is to go. A pure value.
///
/// While copies are missing it is undone, and once all of them stand it is finished: by deletes alone either way, and so
/// in seconds, however large the files are. Of a blob and its copy one goes only while the other one stands, both in
/// the versions that were recorded: whatever somebody did to either meanwhile, no bytes are lost.
package struct UnfinishedMove: Sendable {
    /// What the names of all blobs in the directory begin with, before and after.
    package let from: BlobAddress
    package let to: BlobAddress
    /// Every copy stands, and sources have begun to go.
    package private(set) var isCopied = false
    /// By the source's version that of its copy; `nil` while nobody has heard whether there is one.
    private var copies: [ETag: ETag?] = [:]

    package init(from: BlobAddress, to: BlobAddress) { (self.from, self.to) = (from, to) }

    package mutating func apply(_ record: NameRecord) {
        switch record {
        case .copying(let source): if copies[source] == nil { copies[source] = .some(nil) }
        case .copied(let source, let copy): copies[source] = copy
        case .allCopied: isCopied = true
        case .removal, .move: break
        }
    }

    package var copyCount: Int { copies.count }

    /// The version of the copy of this version, as far as anybody heard of it.
    package func copy(of source: ETag) -> ETag? { copies[source] ?? nil }

    /// The blob that this one below `from` becomes.
    package func target(of blob: BlobAddress) -> BlobAddress {
        let tail = blob.name.utf8.dropFirst(from.name.utf8.count)
        return BlobAddress(container: to.container, name: to.name + String(decoding: tail, as: UTF8.self))
    }

    /// For people.
    package var description: String {
        "the rename of \(from) to \(to) was cut short and is being " + (isCopied ? "finished" : "undone")
    }

    /// Where the blobs are of which some are to go.
    package var goingSide: BlobAddress { isCopied ? from : to }
    package var stayingSide: BlobAddress { isCopied ? to : from }

    /// Whether the directory with this prefix is one of the two, or in one, or has one in it.
    package func touches(_ directory: BlobAddress) -> Bool {
        [from, to].contains { side in
            side.container == directory.container
                && (side.name.utf8.starts(with: directory.name.utf8)
                    || directory.name.utf8.starts(with: side.name.utf8))
        }
    }

    /// Whether `going`, a blob below `goingSide`, is to be deleted, as `staying` has the same name on the other side.
    package func deletes(_ going: BlobProperties, twin staying: BlobProperties) -> Bool {
        let (source, copy) = isCopied ? (going, staying) : (staying, going)
        guard let recorded = copies[source.version.etag] else { return false }
        if let recorded { return recorded == copy.version.etag }
        // The process ended before it heard of this copy. Of all that were begun that is so for the last few.
        return !isCopied && Self.hasContent(of: source, copy)
    }

    private static func hasContent(of source: BlobProperties, _ copy: BlobProperties) -> Bool {
        let sums = (source.contentMD5, copy.contentMD5)
        return source.length == copy.length && source.metadata == copy.metadata
            && source.contentType == copy.contentType && (sums.0 == nil || sums.0 == sums.1)
    }

    /// The blob that keeps such a directory alive while it is empty: it has the directory's name, which is not among
    /// those that begin with the prefix.
    package static func marker(of side: BlobAddress) -> BlobAddress? {
        guard side.name.utf8.last == UInt8(ascii: "/"), side.name.utf8.count > 1 else { return nil }
        return BlobAddress(container: side.container, name: String(Substring(side.name.utf8.dropLast())))
    }
}
