internal import BlobStorage
internal import OutputConventions

/// The blobs of some projects, to be found by the keys of manifests.
struct LuisyBlobs: Sendable {
    struct Blob: Sendable {
        let name: String
        let properties: BlobProperties
    }

    /// Sorted by the bytes of their names.
    private let blobs: [Blob]

    init(_ blobs: [Blob]) {
        self.blobs = blobs.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    var all: [Blob] { blobs }

    /// As luisy sees it: a blob of the key's name, or any below it, markers of directories included.
    func isThere(_ key: LuisyKey) -> Bool {
        guard let name = Self.name(of: key) else { return false }
        if named(name) != nil { return true }
        let below = firstIndex(from: name + "/")
        return below < blobs.count && blobs[below].name.utf8.starts(with: (name + "/").utf8)
    }

    /// The blob of exactly this name, whatever it is.
    func named(_ name: String) -> Blob? {
        let place = firstIndex(from: name)
        return place < blobs.count && blobs[place].name.utf8.elementsEqual(name.utf8) ? blobs[place] : nil
    }

    /// The output's own blob; `nil` where there is none, or where it only says that there is a directory.
    func file(_ key: LuisyKey) -> Blob? {
        guard let name = Self.name(of: key), let blob = named(name) else { return nil }
        return blob.properties.marksDirectory(name) ? nil : blob
    }

    /// The files of an output that is a directory, without markers.
    func files(below key: LuisyKey) -> ArraySlice<Blob> {
        guard let name = Self.name(of: key) else { return [] }
        let first = firstIndex(from: name + "/")
        // The byte behind the slash.
        return blobs[first..<firstIndex(from: name + "0")].filter { !$0.properties.marksDirectory($0.name) }[...]
    }

    /// All that the key stands for: its blob, or the files below it.
    func content(of key: LuisyKey) -> [Blob] { file(key).map { [$0] } ?? Array(files(below: key)) }

    private static func name(of key: LuisyKey) -> String? { key.names == nil ? nil : key.blobName }

    private func firstIndex(from name: String) -> Int {
        var (low, high) = (0, blobs.count)
        while low < high {
            let middle = (low + high) / 2
            if blobs[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
