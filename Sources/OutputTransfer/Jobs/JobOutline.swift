internal import BlobStorage

/// A job's folders down to a depth, with what is below each, however many files there are: of one folder the first hundred
/// entries are kept, and the others counted.
package final class JobOutline {
    package static let entriesMax = 100

    /// A line of the tree.
    package final class Folder {
        package fileprivate(set) var entries: [(name: String, entry: Entry)] = []
        /// Files at any depth below.
        package fileprivate(set) var files = 0
        /// In bytes.
        package fileprivate(set) var bytes: UInt64 = 0
        /// Entries that are not kept.
        package fileprivate(set) var hidden = 0
        fileprivate var index: [NameBytes: Int] = [:]
        fileprivate var lastHidden: String?
    }

    package enum Entry {
        case file(byteCount: UInt64)
        case folder(Folder)
    }

    package let root = Folder()
    private let depth: Int

    /// - Parameter depth: how many levels are kept, at least 1.
    package init(depth: Int) { self.depth = depth }

    package func add(_ blob: JobBlob) {
        var folder = root
        for (level, name) in blob.names.enumerated() {
            folder.files += 1
            folder.bytes += blob.properties.length
            let isLast = level == blob.names.count - 1
            guard level < depth else { return }
            if let known = folder.index[NameBytes(name)] {
                guard case .folder(let next) = folder.entries[known].entry else { return }
                folder = next
                continue
            }
            guard folder.entries.count < Self.entriesMax else {
                // A listing shows what is in one folder in a row.
                if folder.lastHidden.map({ !$0.utf8.elementsEqual(name.utf8) }) ?? true { folder.hidden += 1 }
                folder.lastHidden = name
                return
            }
            folder.index[NameBytes(name)] = folder.entries.count
            if isLast {
                folder.entries.append((name, .file(byteCount: blob.properties.length)))
                return
            }
            let next = Folder()
            folder.entries.append((name, .folder(next)))
            folder = next
        }
    }
}
