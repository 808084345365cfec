import BlobStorage
import Logging
import OutputConventions
import Synchronization

/// Markers of directories that this mount made in the container of luisy's projects: they go when something is in the
/// directory.
///
/// A run of luisy makes its folders beforehand. Kept, their markers would be blobs that no upload of luisy's leaves. Elsewhere
/// they stay: a directory that a program made is then there for everybody until a program removes it.
final class PassingMarkers: Sendable {
    private let made = Mutex<[BlobAddress: ETag]>([:])

    func insert(_ marker: BlobAddress, _ etag: ETag) { made.withLock { $0[marker] = etag } }

    /// Takes out this one; false if it is not there in this version.
    func take(_ marker: BlobAddress, _ etag: ETag) -> Bool {
        made.withLock { made in
            guard made[marker] == etag else { return false }
            made[marker] = nil
            return true
        }
    }

    /// Takes out those of the directories that the blob lies in.
    func take(above blob: BlobAddress) -> [(marker: BlobAddress, etag: ETag)] {
        made.withLock { made in
            guard !made.isEmpty else { return [] }
            var found: [(marker: BlobAddress, etag: ETag)] = []
            var name = blob.name.utf8[...]
            while let slash = name.lastIndex(of: UInt8(ascii: "/")) {
                name = name[..<slash]
                let marker = BlobAddress(container: blob.container, name: String(Substring(name)))
                if let etag = made.removeValue(forKey: marker) { found.append((marker, etag)) }
            }
            return found
        }
    }
}

extension OutputFileSystem {
    /// A directory was made. One whose permissions or attributes are changed later is another version, and stays.
    func noteMarker(_ marker: BlobAddress, _ etag: ETag) {
        guard let container = options.views.luisyContainer, marker.container == container else { return }
        passingMarkers.insert(marker, etag)
    }

    /// A file is in the store. What cannot be removed is no harm: it says what is true.
    func removePassingMarkers(above blob: BlobAddress) async {
        for (marker, etag) in passingMarkers.take(above: blob) {
            do throws(StorageError) {
                try await store.delete(marker, condition: .matches(etag))
                let now = clock.monotonic()
                changes.record(folder: marker, .absent, at: now)
                changes.record(folder: marker, .present(nil), at: now)
            } catch { logger.debug("the marker \(marker) stays: \(error)") }
        }
    }
}
