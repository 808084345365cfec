import BlobStorage
import OutputConventions

/// Uploads whose ids begin alike: one listing shows all their blobs. Ids are hashes or random, so that each of 16 shelves
/// has about as many.
struct UploadShelf: Sendable {
    let container: String
    /// What the names of all their blobs begin with.
    let prefix: String
    private(set) var folders: [UploadFolder] = []

    /// From how many on a page of a listing is cheaper than to ask for each: with 5,000 blobs and their metadata against 16 it
    /// takes about as long as so many small ones.
    static let listedFrom = 32
    /// How many blobs an upload may have in the mean for listings to stay cheaper.
    static let blobsMax = 5000 / listedFrom

    var isWorthListing: Bool { folders.count >= Self.listedFrom }

    static func all(of folders: [UploadFolder]) -> [UploadShelf] {
        var shelves: [BlobAddress: UploadShelf] = [:]
        for folder in folders {
            let above = folder.prefix.utf8.dropLast(folder.id.utf8.count + 1)
            let prefix = String(Substring(above)) + String(folder.id.unicodeScalars.prefix(1))
            let key = BlobAddress(container: folder.container, name: prefix)
            shelves[key, default: UploadShelf(container: folder.container, prefix: prefix)].folders.append(folder)
        }
        return Array(shelves.values)
    }

    private init(container: String, prefix: String) { (self.container, self.prefix) = (container, prefix) }
}

/// What the pages of a shelf's listing show, one after the other.
struct UploadSight: Sendable {
    struct Confirmation {
        let folder: UploadFolder
        let blob: BlobAddress
        let properties: BlobProperties
    }

    private let container: String
    /// How long the part of the prefix is that is above the ids.
    private let rootLength: Int
    /// Those of the shelf that nothing confirmed so far.
    private(set) var unconfirmed: Set<UploadFolder>
    /// Of the blob before: those of one folder stand together.
    private var current: UploadFolder?
    private var (blobCount, folderCount) = (0, 0)

    /// Whether the pages so far cost less than to ask for each of the uploads that they showed.
    var isWorthIt: Bool { blobCount <= folderCount * UploadShelf.blobsMax }

    init(of shelf: UploadShelf) {
        container = shelf.container
        rootLength = shelf.folders.first.map { $0.prefix.utf8.count - $0.id.utf8.count - 1 } ?? 0
        unconfirmed = Set(shelf.folders)
    }

    /// - Returns: what the page confirms.
    mutating func take(_ items: [ListedItem]) -> [Confirmation] {
        var confirmations: [Confirmation] = []
        blobCount += items.count
        for case .blob(let name, let properties) in items {
            if current.map({ name.utf8.starts(with: $0.prefix.utf8) }) != true {
                guard let folder = folder(of: name, properties) else { continue }
                if folder != current { folderCount += 1 }
                current = folder
            }
            guard properties.isConfirmation, let folder = current, unconfirmed.remove(folder) != nil else { continue }
            let blob = BlobAddress(container: container, name: name)
            confirmations.append(Confirmation(folder: folder, blob: blob, properties: properties))
        }
        return confirmations
    }

    private func folder(of name: String, _ properties: BlobProperties) -> UploadFolder? {
        let id = name.utf8.dropFirst(rootLength)
        if let slash = id.firstIndex(of: UInt8(ascii: "/")) {
            return UploadFolder(container: container, prefix: String(Substring(name.utf8[...slash])))
        }
        // In a hierarchical namespace the directory itself.
        return properties.marksDirectory(name) ? UploadFolder(container: container, prefix: name + "/") : nil
    }
}
