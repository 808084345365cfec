import BlobStorage
import FileSystemModel
import Glibc
import OutputConventions

/// Records of jobs and tasks beside what the store has.
extension OutputFileSystem {
    /// What a name may mean in a directory, records included. A directory of a record's name has it: then blobs are below it.
    func resolve(_ name: FileName, in place: TreePlace) -> Resolution {
        let resolution = place.resolve(name.string, views: options.views)
        guard options.records != nil, let record = RecordName(in: place),
            name.string.utf8.elementsEqual(record.fileName.utf8)
        else { return resolution }
        if case .folder(let folder) = resolution { return .either(file: record.place, folder: folder) }
        return .file(record.place)
    }

    /// Why nothing can be made under a name.
    func obstacle(toMaking name: FileName, in place: TreePlace) -> NameProblem? {
        if options.records != nil, let record = RecordName(in: place),
            name.string.utf8.elementsEqual(record.fileName.utf8)
        {
            return NameProblem(.notHere, "the name is that of the record that Batch keeps")
        }
        return place.obstacle(toMaking: name.string, views: options.views)
    }

    /// EPERM for what nobody here can change.
    func requireBlob(_ address: BlobAddress) throws(FileSystemError) {
        guard RecordName(address) == nil else {
            throw FileSystemError(errno: EPERM, "\(address) is what Batch says: it can only be read")
        }
    }

    /// The line of a listing for a directory's record, if there is one.
    func recordEntry(in place: TreePlace) async -> SnapshotEntry? {
        guard let records = options.records, let name = RecordName(in: place),
            let record = await records.record(name, isListing: true)
        else { return nil }
        return SnapshotEntry(name: FileName(name.fileName), place: name.place, facts: FileFacts(record.properties))
    }
}
